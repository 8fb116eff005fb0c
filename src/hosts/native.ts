import type { Answer, Lost, Question, Script } from '../evidence.ts';

export type Native = Exclude<Question, Script>;

/** What this machine asks without a shell, each by its own client, loaded on use. */
export const askNatively = async (question: Native): Promise<Answer | Lost> => {
  switch (question.via) {
    case 'dns':
      return (await import('./dns.ts')).dig(question);
    default:
      return question.via satisfies never;
  }
};
