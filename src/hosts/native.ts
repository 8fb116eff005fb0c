import type { Answer, Lost, Native } from '../evidence.ts';

/** What this machine asks without a shell, each by its own client, loaded on use. */
export const askNatively = async (question: Native): Promise<Answer | Lost> => {
  switch (question.via) {
    case 'dns':
      return (await import('./dns.ts')).dig(question);
    case 'quic':
      return (await import('./quic.ts')).negotiate(question);
    default:
      return question satisfies never;
  }
};
