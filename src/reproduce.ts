import type { DnsQuestion, Question } from './evidence.ts';
import type { Fabric, HostName } from './fabric.ts';
import { bracket, quote } from './shell.ts';

/** A question of DNS as a person asks it, and as a machine that has no client of ours does. What ours prints is read alike. */
export const digCommand = ({ server, name, type, transport }: Omit<DnsQuestion, 'at' | 'via'>): string =>
  `dig +noquestion +noauthority +noadditional +tries=2 +time=2${transport === 'tcp' ? ' +tcp' : ''} ${server === 'os' || server === 'each' ? '' : `@${server} `}${quote(name)} ${type}`;

/** What a question asks, as a shell would. */
export const questionText = (question: Question): string => {
  switch (question.via) {
    case 'sh':
      return question.script;
    case 'dns':
      return digCommand(question);
    case 'quic':
      // No tool that is everywhere sends it.
      return `UDP to ${question.to} port ${question.port}: 1200 bytes of a QUIC version that nobody has (RFC 9000, 6)`;
    case 'http3':
      return `curl --http3-only -k --resolve ${quote(`${question.name}:${question.port}:${bracket(question.to)}`)} https://${question.name}:${question.port}${question.path}`;
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
