import type { Question } from './evidence.ts';
import type { Fabric, HostName } from './fabric.ts';
import { quote } from './shell.ts';

/** What a question asks, as a shell would. */
export const questionText = (question: Question): string => {
  switch (question.via) {
    case 'sh':
      return question.script;
    case 'store':
      return `# until when ${question.secret} holds, asked of its store`;
    default:
      return question satisfies never;
  }
};

/** A command as the operator can paste it: through ssh to the host, or as it is where the host is this machine. */
export const onHost = ({ hosts }: Fabric, name: HostName, command: string): string => {
  const host = hosts.get(name);
  if (!host || host.client === 'local') return command;
  const port = host.port === undefined ? '' : `-p ${host.port} `;
  return `ssh ${port}${host.user === undefined ? '' : `${host.user}@`}${quote(host.address)} ${quote(command)}`;
};
