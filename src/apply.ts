import type { Plan, Step } from './plan.ts';

export type Event =
  | { readonly type: 'started' | 'done' | 'undone'; readonly step: Step }
  | { readonly type: 'failed'; readonly step: Step; readonly error: unknown }
  /** A step could not be taken back by us: the host does it by itself, since nobody confirmed it. */
  | { readonly type: 'reverting'; readonly step: Step; readonly seconds: number }
  /** A step could not be taken back. */
  | { readonly type: 'stuck'; readonly step: Step; readonly error: unknown };
/** Does one step, confirms over a new connection what is armed, or takes it back. Throws when it could not. `n` is the step's place in its plan. */
export type Perform = (step: Step, n: number, way: 'do' | 'confirm' | 'undo') => Promise<void>;

/** Seconds. `null`: the host does not take it back by itself. */
const armedFor = (step: Step): number | null => (step.do === 'run' && typeof step.undo === 'object' ? (step.undo.armedFor ?? null) : null);
const again = (step: Step): boolean => step.do === 'run' && step.undo === 'again';
const undoable = (step: Step): boolean => step.do !== 'gate' && !(step.do === 'run' && typeof step.undo === 'string');

/** Whether what the step changes is left where the rest is taken back: whoever takes back says so. */
export const stays = (step: Step): boolean => step.do === 'run' && (step.undo === 'stays' || step.undo === 'impossible');

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
      if (armedFor(step) !== null) await perform(step, n, 'confirm');
    } catch (error) {
      yield { type: 'failed', step, error };
      for (const [back, place] of takeBack(plan.slice(0, n + 1))) {
        try {
          await perform(back, place, 'undo');
          yield { type: 'undone', step: back };
        } catch (cause) {
          const seconds = place === n ? armedFor(back) : null;
          yield seconds === null ? { type: 'stuck', step: back, error: cause } : { type: 'reverting', step: back, seconds };
        }
      }
      return;
    }
    yield { type: 'done', step };
  }
}
