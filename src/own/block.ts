// The `yaml fabric-check` block as it may be written. As in fabric/schema.ts, every message says what was expected, as a noun phrase.
import { RE2JS } from 're2js';
import { z } from 'zod';
import { choice, count, hostAndPort, mapping, oneLine, text } from '../fabric/schema.ts';
import { RECORDS } from '../probes/ask.ts';
import { parsePath } from './json.ts';

const flag = z.boolean('true or false');
const isScalar = (value: unknown): value is string | number | boolean => ['string', 'number', 'boolean'].includes(typeof value);

/** One text or a list of them, each of which `check` has nothing against. */
const oneOrMore = (expected: string, check: (text: string) => string | null = () => null) =>
  z.unknown().transform((written, context): readonly string[] => {
    const list: readonly unknown[] = Array.isArray(written) ? written : [written];
    if (list.length === 0) context.addIssue({ code: 'custom', message: expected });
    return list.flatMap((one, index) => {
      const problem = isScalar(one) && one !== '' ? check(String(one)) : expected;
      if (problem === null) return [String(one)];
      context.addIssue({ code: 'custom', message: problem, ...(Array.isArray(written) ? { path: [index] } : {}) });
      return [];
    });
  });

const hostAndItsPort = 'a host and a port, such as 127.0.0.1:5432 or [::1]:5432';
const dnsName = text('a DNS name', /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?\.?$/);
const expectedUrl = 'an http or https address, such as https://cloud.example.net/status.php';
const url = z
  .string(expectedUrl)
  .refine((it) => !/\/\/[^/?#]*@/.test(it), 'an address without user:password')
  .refine((it) => /^https?:\/\/[^\s/?#]+[^\s#]*$/.test(it) && URL.canParse(it), expectedUrl);
const unit = z.string('a unit such as caddy.service').superRefine((written, context) => {
  if (/^[A-Za-z0-9:_.\\@-]+\.(?:automount|device|mount|path|scope|service|slice|socket|swap|target|timer)$/.test(written)) return;
  const meant = /^[A-Za-z0-9:_@-]+$/.test(written) ? { params: { meant: `${written}.service` } } : {};
  context.addIssue({ code: 'custom', message: 'a unit such as caddy.service', ...meant });
});

/** What can be asked: by its word, which is also the key that holds what it is asked of. */
export const asks = {
  command: mapping({
    command: text('a command', /\S/),
    sudo: flag.optional(),
    seconds: count('a whole number of seconds from 1 to 600', 600).optional(),
  }),
  file: mapping({ file: text('an absolute path without white space', /^\/\S+$/) }),
  http: mapping({ http: url, method: choice('GET', 'HEAD').optional() }),
  dns: mapping({
    dns: dnsName,
    type: choice(...RECORDS).optional(),
    server: text("a DNS server's address", /^[A-Za-z0-9][A-Za-z0-9.:-]*$/).optional(),
  }),
  tcp: mapping({
    tcp: z.string(hostAndItsPort).transform((written, context) => {
      const found = hostAndPort(written);
      if (found !== null && found.port !== null) return { address: found.address, port: found.port };
      context.addIssue(hostAndItsPort);
      return z.NEVER;
    }),
  }),
  unit: mapping({ unit }),
  container: mapping({ container: text("a container's name", /^[A-Za-z0-9][A-Za-z0-9_.-]*$/) }),
  port: mapping({ port: count('a port from 1 to 65535', 65535) }),
} as const;
export type Kind = keyof typeof asks;
export const isKind = (word: string): word is Kind => Object.hasOwn(asks, word);

/**
 * RE2: its time grows with the text alone, whatever the expression (a host's text must not make fabric hang), and it refuses what
 * cannot be had at that price: lookarounds and references back.
 */
export const pattern = (expression: string): RE2JS => RE2JS.compile(expression, RE2JS.MULTILINE);
const whyNot = (expression: string): string | null => {
  try {
    pattern(expression);
    return null;
  } catch (error) {
    const why = error instanceof Error ? error.message.replace('error parsing regexp: ', '').replace('(?m)', '') : '';
    return `a regular expression as RE2 and Go have them (${why})`;
  }
};

const tests = {
  equals: z.custom<string | number | boolean>(isScalar, 'a text, a number, true or false').optional(),
  contains: oneOrMore('a text, or a list of them').optional(),
  matches: oneOrMore('a regular expression, or a list of them', whyNot).optional(),
  at_least: z.number('a number').optional(),
  at_most: z.number('a number').optional(),
};
const { equals, contains, matches } = tests;
const not = mapping({ equals, contains, matches }).optional();
const absent = flag.optional();

/** `600` alone means `equals: 600`. */
const short = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((written) => (isScalar(written) ? { equals: written } : written), schema);
const field = short(mapping({ ...tests, not }, 'a text, a number, or a mapping')).optional();
const part = short(mapping({ ...tests, not, absent }, 'a text, a number, or a mapping'));

const expectations = {
  ...tests,
  not,
  absent,
  json: z.record(z.string(), part, 'a mapping of paths such as data[0].id').optional(),
  headers: z.record(z.string(), part, 'a mapping of header names').optional(),
  exit: field,
  mode: field,
  owner: field,
  status: field,
  protocol: field,
  enabled: field,
  sub: field,
  result: field,
  restarts: field,
  image: field,
  network: field,
  restart: field,
  engine: field,
};
/** Of every kind. */
const expectation = mapping(expectations);
export type Expectation = z.infer<typeof expectation>;
export type Test = NonNullable<z.infer<typeof field>>;
export type Part = z.infer<typeof part>;

/** What each kind of answer has besides its text. */
export const FIELDS = {
  command: ['json', 'exit'],
  file: ['json', 'mode', 'owner'],
  http: ['json', 'headers', 'status', 'protocol'],
  dns: [],
  tcp: [],
  unit: ['sub', 'enabled', 'result', 'restarts'],
  container: ['image', 'network', 'restart', 'engine'],
  port: [],
} as const satisfies Readonly<Record<Kind, readonly (keyof Expectation)[]>>;

/** What may be expected of that kind of answer: for its messages. `expectation` is for its types. */
export const expectationOf = (kind: Kind): z.ZodType => {
  const own: readonly string[] = [...Object.keys(tests), 'not', 'absent', ...FIELDS[kind]];
  return mapping(Object.fromEntries(Object.entries(expectations).filter(([key]) => own.includes(key))));
};

/** The whole block. What is asked and expected is judged by its kind. */
export const outline = mapping({
  title: oneLine.optional(),
  at: oneOrMore('the name of a host in hosts, here, all, or a list of them'),
  ask: z.unknown().optional(),
  expect: z.unknown().optional(),
  severity: choice('fail', 'warn').optional(),
  advice: text('what to do about it', /\S/),
  errors: z.array(oneLine, 'a list of texts').optional(),
});

/** A path of `json:` that cannot be read. */
export const pathProblem = (path: string): string | null => (parsePath(path) === null ? 'a path such as data[0].id' : null);

/** What is asked, with its kind. */
export const ask = z.union([
  asks.command.transform((one) => ({ kind: 'command' as const, ...one })),
  asks.file.transform((one) => ({ kind: 'file' as const, ...one })),
  asks.http.transform((one) => ({ kind: 'http' as const, ...one })),
  asks.dns.transform((one) => ({ kind: 'dns' as const, ...one })),
  asks.tcp.transform((one) => ({ kind: 'tcp' as const, ...one })),
  asks.unit.transform((one) => ({ kind: 'unit' as const, ...one })),
  asks.container.transform((one) => ({ kind: 'container' as const, ...one })),
  asks.port.transform((one) => ({ kind: 'port' as const, ...one })),
]);
export type Ask = z.infer<typeof ask>;

/** The block without a problem. */
export const block = outline.extend({ ask, expect: expectation });
export type Block = z.infer<typeof block>;
