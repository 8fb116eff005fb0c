// Answer and expectation in, what is unmet out. The answer is a host's text: of what is shown of it, little is.
import type { Json } from '../fabric.ts';
import type { Expectation, Part, Test } from './block.ts';
import { pattern } from './block.ts';
import type { Heard } from './heard.ts';
import { at, parsePath, plain } from './json.ts';

/** What was seen, and what was wanted of it. */
export interface Unmet {
  readonly saw: string;
  readonly want: string;
}

const LONGEST = 200;
/** Of a text from a host, what fits a line. */
export const cut = (text: string): string => {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  if (line === '') return 'nothing';
  return line.length <= LONGEST ? line : `${[...line.slice(0, LONGEST)].slice(0, -1).join('')}… (${text.length} characters)`;
};

/** Everything that does not hold; [] = all does. */
export const judge = (heard: Heard, { absent, json, headers, ...rest }: Expectation): readonly Unmet[] => {
  const wanted = wantOf({ absent, json, headers, ...rest });
  const empty = heard.is === 'there' && heard.text.trim() === '' && Object.keys(heard.fields).every((name) => name === 'exit');
  const gone = heard.is === 'absent' || empty;
  if (absent === true) return gone ? [] : [{ saw: heard.is === 'there' ? cut(heard.text) : heard.why, want: 'nothing there' }];
  // What is not there fulfils nothing, not even a `not:`: a check must not pass because its subject went away.
  if (heard.is !== 'there') return [{ saw: heard.why, want: wanted }];
  if (absent === false && empty) return [{ saw: 'nothing', want: 'something there' }];
  const { text, fields } = heard;
  const named: { readonly [name: string]: unknown } = rest;
  return [
    ...judgeText(text, rest),
    ...Object.entries(fields).flatMap(([name, value]) => {
      const test = named[name];
      return isTest(test) ? judgeText(name === 'mode' ? bareMode(value) : value, name === 'mode' ? bareModes(test) : test, `${name} `) : [];
    }),
    ...Object.entries(headers ?? {}).flatMap(([name, test]) => judgePart(heard.headers.get(name.toLowerCase()), test, `header ${name}: `)),
    ...(json === undefined ? [] : judgeJson(text, json)),
  ];
};

const isTest = (value: unknown): value is Test => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Also `0600` means 600. */
const bareMode = (mode: string): string => mode.replace(/^0+(?=\d)/, '');
const bareModes = (test: Test): Test => (test.equals === undefined ? test : { ...test, equals: bareMode(String(test.equals)) });

const judgeJson = (text: string, json: NonNullable<Expectation['json']>): readonly Unmet[] => {
  let data: Json;
  try {
    data = JSON.parse(text);
  } catch {
    return [{ saw: `what is not JSON: ${cut(text)}`, want: `JSON, with ${wantOf({ json })}` }];
  }
  return Object.entries(json).flatMap(([path, test]) => {
    const found = at(data, parsePath(path) ?? []);
    return judgePart(found === undefined ? undefined : plain(found), test, `${path} `);
  });
};

const judgePart = (value: string | undefined, { absent, ...test }: Part, label: string): readonly Unmet[] => {
  if (absent === true) return value === undefined ? [] : [{ saw: `${label}${cut(value)}`, want: `no ${label.trim().replace(/:$/, '')}` }];
  if (value === undefined) return [{ saw: `no ${label.trim().replace(/:$/, '')}`, want: `${label}${wantOfTest(test) || 'there'}` }];
  return judgeText(value, test, label);
};

const NUMBER = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/;
/** `87`, `87%`; NaN for what is no number. */
const numberOf = (text: string): number => {
  const bare = text.trim().replace(/\s*%$/, '');
  return NUMBER.test(bare) ? Number(bare) : Number.NaN;
};
const equal = (text: string, wanted: string | number | boolean): boolean =>
  typeof wanted === 'number' ? numberOf(text) === wanted : text.trim() === String(wanted).trim();

const judgeText = (text: string, test: Test, label = ''): readonly Unmet[] => {
  const { equals, contains = [], matches = [], at_least: least, at_most: most, not = {} } = test;
  const value = numberOf(text);
  const missed: Test = {
    ...(equals === undefined || equal(text, equals) ? {} : { equals }),
    ...some(
      'contains',
      contains.filter((one) => !text.includes(one)),
    ),
    ...some(
      'matches',
      matches.filter((one) => !pattern(one).matcher(text).find()),
    ),
    ...(least === undefined || value >= least ? {} : { at_least: least }),
    ...(most === undefined || value <= most ? {} : { at_most: most }),
  };
  const broken = [
    ...(not.equals !== undefined && equal(text, not.equals) ? [{ saw: text, not: { equals: not.equals } }] : []),
    ...(not.contains ?? []).flatMap((one) => {
      const place = text.indexOf(one);
      return place === -1 ? [] : [{ saw: lineAt(text, place), not: { contains: [one] } }];
    }),
    ...(not.matches ?? []).flatMap((one) => {
      const found = pattern(one).matcher(text);
      return found.find() ? [{ saw: lineAt(text, found.start()), not: { matches: [one] } }] : [];
    }),
  ];
  return [
    ...(Object.keys(missed).length === 0 ? [] : [{ saw: `${label}${cut(text)}`, want: `${label}${wantOfTest(missed)}` }]),
    ...broken.map(({ saw, not }) => ({ saw: `${label}${cut(saw)}`, want: `${label}${wantOfTest({ not })}` })),
  ];
};
const some = (name: 'contains' | 'matches', list: readonly string[]): Test => (list.length === 0 ? {} : { [name]: list });

const lineAt = (text: string, place: number): string => text.slice(text.lastIndexOf('\n', place - 1) + 1).split('\n')[0] ?? '';

const both = (words: readonly string[]): string => words.join(', and ');
const wantOfTest = ({ equals, contains = [], matches = [], at_least: least, at_most: most, not }: Test): string =>
  both([
    ...(equals === undefined ? [] : [`${equals}`]),
    ...contains.map((one) => `text with ${JSON.stringify(one)}`),
    ...matches.map((one) => `text like /${one}/`),
    ...(least === undefined && most === undefined
      ? []
      : [`a number${least === undefined ? '' : ` from ${least}`}${most === undefined ? '' : ` up to ${most}`}`]),
    ...(not?.equals === undefined ? [] : [`anything but ${not.equals}`]),
    ...(not?.contains ?? []).map((one) => `no ${JSON.stringify(one)} in it`),
    ...(not?.matches ?? []).map((one) => `nothing like /${one}/`),
  ]);

/** For people: all that is expected. */
export const wantOf = ({
  absent,
  json = {},
  headers = {},
  equals,
  contains,
  matches,
  at_least,
  at_most,
  not,
  ...fields
}: Expectation): string =>
  both([
    ...(absent === undefined ? [] : [absent ? 'nothing there' : 'something there']),
    ...Object.entries(fields).flatMap(([name, test]) => (test === undefined ? [] : [`${name} ${wantOfTest(test)}`])),
    ...Object.entries(headers).map(([name, test]) => `header ${name}: ${wantOfPart(test)}`),
    ...[wantOfTest({ equals, contains, matches, at_least, at_most, not })].filter(Boolean),
    ...Object.entries(json).map(([path, test]) => `${path} ${wantOfPart(test)}`),
  ]);
const wantOfPart = ({ absent, ...test }: Part): string => (absent === true ? 'absent' : wantOfTest(test) || 'there');
