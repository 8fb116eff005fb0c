import { expect, test } from 'vitest';
import { apply, type Perform, stays, takeBack } from '../src/apply.ts';
import type { Plan, Step } from '../src/plan.ts';

const host = 'akira';
const write = (path: string): Step => ({ do: 'write', host, path, mode: '644', owner: 'root:root', was: null, now: 'x' });
const run = (title: string, undo: Extract<Step, { do: 'run' }>['undo']): Step => ({ do: 'run', host, title, script: 'true', undo });
const gate: Step = { do: 'gate', host, title: 'g', must: [], unverified: [], hopeless: [], withinSeconds: 1 };
const name = (step: Step): string => ('path' in step ? step.path : step.title);

const plan: Plan = [
  run('pull', 'nothing'),
  write('/a'),
  write('/b'),
  run('restart', 'again'),
  run('rule', { script: 'false' }),
  gate,
  run('keep', 'nothing'),
];

const played = async (perform: Perform): Promise<readonly string[]> => {
  const log: string[] = [];
  for await (const { type, step } of apply(plan, perform)) log.push(`${type} ${name(step)}`);
  return log;
};

test('all well: every step, in order', async () => {
  expect((await played(async () => {})).filter((line) => line.startsWith('done'))).toEqual(plan.map((step) => `done ${name(step)}`));
});

test('a shut gate: taken back last-first, then the activations once more; what has no undo is left', async () => {
  const log = await played(async (step) => {
    if (step.do === 'gate') throw new Error('shut');
  });
  expect(log.slice(log.indexOf('failed g'))).toEqual(['failed g', 'undone rule', 'undone /b', 'undone /a', 'undone restart']);
});

test('the step that failed is taken back too: it may have been done by half', async () => {
  const log = await played(async (step, _, way) => {
    if (way === 'do' && 'path' in step && step.path === '/b') throw new Error('disk full');
  });
  expect(log.slice(log.indexOf('failed /b'))).toEqual(['failed /b', 'undone /b', 'undone /a']);
});

test('what cannot be taken back is said, and the rest is taken back all the same', async () => {
  const log = await played(async (step, _, way) => {
    if (step.do === 'gate' || (way === 'undo' && 'path' in step && step.path === '/b')) throw new Error('lost');
  });
  expect(log.slice(log.indexOf('failed g'))).toEqual(['failed g', 'undone rule', 'stuck /b', 'undone /a', 'undone restart']);
});

test('a step keeps its number when it is taken back: the host keeps the old file under it', () => {
  expect(takeBack(plan).map(([step, n]) => plan[n] === step)).toEqual([true, true, true, true]);
});

test('what changes something and is not taken back stays, and is never performed again', () => {
  const steps = [...plan, run('close', 'stays'), run('delete', 'impossible')];
  expect(steps.filter(stays).map(name)).toEqual(['close', 'delete']);
  expect(takeBack(steps).filter(([step]) => stays(step))).toEqual([]);
});

const risky: Step = run('risky', { script: 'false', armedFor: 60 });
const ways = async (failing: readonly string[]): Promise<readonly string[]> => {
  const log: string[] = [];
  const perform: Perform = async (step, _, way) => {
    log.push(`${way} ${name(step)}`);
    if (failing.includes(`${way} ${name(step)}`)) throw new Error('no way there');
  };
  for await (const { type, step } of apply([write('/a'), risky, gate], perform))
    if (type !== 'started') log.push(`= ${type} ${name(step)}`);
  return log;
};
test.each<[string, readonly string[], readonly string[]]>([
  [
    'confirmed as soon as it is done, before anything slow',
    [],
    ['do /a', '= done /a', 'do risky', 'confirm risky', '= done risky', 'do g', '= done g'],
  ],
  [
    'nobody comes through: taken back',
    ['confirm risky'],
    ['do /a', '= done /a', 'do risky', 'confirm risky', '= failed risky', 'undo risky', '= undone risky', 'undo /a', '= undone /a'],
  ],
  [
    'nor can it be taken back: the host does that, and the rest is tried',
    ['confirm risky', 'undo risky'],
    ['do /a', '= done /a', 'do risky', 'confirm risky', '= failed risky', 'undo risky', '= reverting risky', 'undo /a', '= undone /a'],
  ],
  [
    'once confirmed, what cannot be taken back is stuck',
    ['do g', 'undo risky'],
    [
      'do /a',
      '= done /a',
      'do risky',
      'confirm risky',
      '= done risky',
      'do g',
      '= failed g',
      'undo risky',
      '= stuck risky',
      'undo /a',
      '= undone /a',
    ],
  ],
])('an armed step: %s', async (_, failing, log) => {
  expect(await ways(failing)).toEqual(log);
});
