import type { Answer, Lost, Native } from '../evidence.ts';
import type { SecretName } from '../fabric.ts';

/** What a secret's store says about it. */
export type AskStore = (secret: SecretName) => Promise<Answer | Lost>;

/** What this machine asks without a shell, each by its own client, loaded on use. */
export const askNatively = async (question: Native, askStore: AskStore | undefined): Promise<Answer | Lost> => {
  switch (question.via) {
    case 'dns':
      return (await import('./dns.ts')).dig(question);
    case 'quic':
      return (await import('./quic.ts')).negotiate(question);
    case 'http3':
      return (await import('./http3-apart.ts')).ask(question);
    case 'store':
      return askStore?.(question.secret) ?? { lost: 'unsupported', why: 'stores are asked where a fabric.yaml names them' };
    default:
      return question satisfies never;
  }
};
