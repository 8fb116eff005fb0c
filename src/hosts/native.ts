import type { Answer, Lost, Question, Script } from '../evidence.ts';
import type { SecretName } from '../fabric.ts';

export type Native = Exclude<Question, Script>;
/** What a secret's store says about it. */
export type AskStore = (secret: SecretName) => Promise<Answer | Lost>;

/** What this machine asks without a shell. */
export const askNatively = (question: Native, askStore: AskStore | undefined): Promise<Answer | Lost> | Lost => {
  switch (question.via) {
    case 'store':
      return askStore?.(question.secret) ?? { lost: 'unsupported', why: 'stores are asked where a fabric.yaml names them' };
    default:
      return question.via satisfies never;
  }
};
