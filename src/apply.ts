import type { Plan, Step } from './plan.ts';

export type Event =
  | { readonly type: 'started' | 'done' | 'undone'; readonly step: Step }
  | { readonly type: 'failed'; readonly step: Step; readonly error: unknown }
  /** A step could not be taken back. */
  | { readonly type: 'stuck'; readonly step: Step; readonly error: unknown };
/** Does one step, or takes it back. Throws when it could not. `n` is the step's place in its plan. */
export type Perform = (step: Step, n: number, way: 'do' | 'undo') => Promise<void>;

const again = (step: Step): boolean => step.do === 'run' && step.undo === 'again';
const undoable = (step: Step): boolean => step.do !== 'gate' && !(step.do === 'run' && typeof step.undo === 'string');

/** Last first, then the activations in their order: a service restarts on the files it had. */
export const takeBack = (plan: Plan): readonly (readonly [Step, number])[] => {
  const numbered = plan.map((step, n) => [step, n] as const);
  return [...numbered.filter(([step]) => undoable(step)).reverse(), ...numbered.filter(([step]) => again(step))];
};

/** Performs the plan step by step; where a step fails, takes back what was done, the failed step included. Ends after that. */
export async function* apply(plan: Plan, perform: Perform): AsyncGenerator<Event> {
  for (const [n, step] of plan.entries()) {
    yield { type: 'started', step };
    try {
      await perform(step, n, 'do');
    } catch (error) {
      yield { type: 'failed', step, error };
      for (const [back, place] of takeBack(plan.slice(0, n + 1))) {
        try {
          await perform(back, place, 'undo');
          yield { type: 'undone', step: back };
        } catch (cause) {
          yield { type: 'stuck', step: back, error: cause };
        }
      }
      return;
    }
    yield { type: 'done', step };
  }
}
