// rex/REX-41.md: prose, and what is to be asked in one fenced block, `yaml fabric-check`. Text in, an entry or every problem out. Pure.
import {
  type Fault,
  get,
  isMapping,
  items,
  type Path,
  type Problem,
  pathText,
  placed,
  readYaml,
  schemaFaults,
  show,
  wrong,
} from '../fabric/problems.ts';
import { asks, type Block, block, expectationOf, isKind, type Kind, outline, pathProblem } from './block.ts';

/** An entry as its author wrote it. */
export interface Told extends Omit<Block, 'title'> {
  /** The block's, or else the first heading. */
  readonly title: string;
  /** The prose, without that heading and without the block. */
  readonly story: string;
}

/** What an entry may name, and what it must not hold. */
export interface World {
  readonly hosts: readonly string[];
  /** Whether a text has the shape of a secret: it would show in `ps` on the host. */
  secret(text: string): boolean;
}

/** `text`: a whole file. */
export const parseEntry = (text: string, { hosts, secret }: World): { readonly told: Told } | { readonly problems: readonly Problem[] } => {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const fences = fencesOf(lines);
  const [fence, second] = fences.filter(({ info }) => isOurs(info));
  const said = (line: number, message: string): Problem => ({ line, column: 1, path: '', message });
  if (fence === undefined) {
    const near = fences.find(({ info }) => /fabric/i.test(info));
    return {
      problems: [
        near === undefined
          ? said(lines.length, 'expected a block that begins with ```yaml fabric-check, found none')
          : said(near.first, `expected \`\`\`yaml fabric-check, found ${show(near.info)} behind the \`\`\``),
      ],
    };
  }
  if (second !== undefined)
    return { problems: [said(second.first, `expected one block a file, found a second one (already at line ${fence.first})`)] };
  if (fence.last === null)
    return { problems: [said(fence.first, 'expected ``` on a line of its own after the block, found the end of the file')] };

  const heading = headingOf(lines, fences);
  const prose = lines
    .filter((_, index) => !(index + 1 >= fence.first && index + 1 <= (fence.last ?? 0)) && index + 1 !== heading?.line)
    .join('\n')
    .trim();
  const inBlock = lines.slice(fence.first, fence.last - 1).map((line) => line.replace(new RegExp(`^ {0,${fence.indent}}`), ''));
  const inFile = ({ line, column, path, message }: Problem): Problem => ({
    line: line + fence.first,
    column: column + fence.indent,
    path,
    message,
  });

  const { problems, written } = readYaml(inBlock.join('\n'));
  // What YAML says of the rest of a line is an echo of what it said first.
  if (written === null)
    return { problems: problems.filter(({ line }, index) => problems.findIndex((one) => one.line === line) === index).map(inFile) };
  const { data } = written;
  const found = placed(written, faults(data, hosts, secret), pathText).map(inFile);
  const missing = [
    ...(isMapping(data) && data['title'] === undefined && heading === null
      ? [said(fence.first, 'expected a title, as a heading above or as title: in the block, found neither')]
      : []),
    ...(prose === '' ? [said(1, 'expected prose that tells what happened, found nothing but the block')] : []),
  ];
  if (found.length + missing.length > 0) return { problems: [...missing, ...found].toSorted((a, b) => a.line - b.line) };
  const { title, ...rest } = block.parse(data);
  return { told: { ...rest, title: title ?? heading?.text ?? '', story: prose } };
};

interface Fence {
  /** Line numbers, from 1, of the two fences. `null`: it is never closed. */
  readonly first: number;
  readonly last: number | null;
  readonly indent: number;
  readonly info: string;
}

/** Fenced code as CommonMark has it (0.31.2, 4.5): three or more of ` or ~, closed by at least as many. */
const fencesOf = (lines: readonly string[]): readonly Fence[] => {
  const found: Fence[] = [];
  let open: (Omit<Fence, 'last'> & { readonly mark: string }) | null = null;
  for (const [index, line] of lines.entries()) {
    const [, indent = '', mark, info = ''] = /^( {0,3})(`{3,}(?=[^`]*$)|~{3,})\s*(.*?)\s*$/.exec(line) ?? [];
    if (mark === undefined) continue;
    if (open === null) open = { first: index + 1, indent: indent.length, info, mark };
    else if (info === '' && mark.startsWith(open.mark)) {
      const { mark: _, ...fence }: typeof open = open;
      found.push({ ...fence, last: index + 1 });
      open = null;
    }
  }
  if (open === null) return found;
  const { mark: _, ...fence } = open;
  return [...found, { ...fence, last: null }];
};

const isOurs = (info: string): boolean => /^ya?ml +fabric-check$/.test(info);

/** The first heading outside of code: `# REX-41 — The certificate hook runs as root`, without its mark and number. */
const headingOf = (lines: readonly string[], fences: readonly Fence[]): { readonly line: number; readonly text: string } | null => {
  const coded = (line: number): boolean => fences.some(({ first, last }) => line >= first && (last === null || line <= last));
  for (const [index, line] of lines.entries()) {
    const [, text] = /^ {0,3}#{1,6}\s+(.*?)(?:\s+#+)?\s*$/.exec(line) ?? [];
    if (text === undefined || coded(index + 1)) continue;
    const title = text.replace(/^REX-\d+\s*[—–:.-]*\s*/i, '').trim();
    if (title !== '') return { line: index + 1, text: title };
  }
  return null;
};

/** Everything that is wrong with the block. */
function* faults(data: unknown, hosts: readonly string[], secret: World['secret']): Generator<Fault> {
  yield* textFaults(data, [], secret);
  yield* schemaFaults(data, outline.safeParse(data).error, wrong);
  if (!isMapping(data)) return;
  yield* hostFaults(data['at'], hosts);
  const kind = yield* kindOf(data['ask']);
  if (kind === null) return;
  yield* schemaFaults(data['ask'], asks[kind].safeParse(data['ask']).error, wrong, ['ask']);
  yield* expectationFaults(data, kind);
}

/** Text that nothing in the block may have. */
function* textFaults(value: unknown, path: Path, secret: World['secret']): Generator<Fault> {
  if (typeof value === 'string') {
    if (/[^\P{Cc}\n\t]/u.test(value)) yield wrong(path, 'text without control characters', value);
    if (secret(value))
      yield {
        path,
        of: 'value',
        message:
          'expected no secret, found what looks like one (not shown): it would show in `ps` on the host. Let the command read it there',
      };
  }
  for (const [index, item] of items(value).entries()) yield* textFaults(item, [...path, index], secret);
  for (const [key, item] of isMapping(value) ? Object.entries(value) : []) {
    if (key === '<<' || key === '__proto__') yield wrong([...path, key], 'another key', key, { of: 'key' });
    yield* textFaults(item, [...path, key], secret);
  }
}

function* hostFaults(at: unknown, hosts: readonly string[]): Generator<Fault> {
  const known = ['here', 'all', ...hosts];
  const seen = new Set<unknown>();
  for (const [index, name] of (Array.isArray(at) ? at : [at]).entries()) {
    const path = Array.isArray(at) ? ['at', index] : ['at'];
    if (typeof name === 'object' || name === undefined) continue; // the outline said so
    if (!known.includes(String(name))) yield wrong(path, 'the name of a host in hosts, here or all', name, { known });
    else if (seen.has(String(name))) yield wrong(path, 'each host once', name);
    seen.add(String(name));
  }
}

/** The one kind that is asked. */
function* kindOf(ask: unknown): Generator<Fault, Kind | null> {
  const kinds = Object.keys(asks);
  const list = `${kinds.slice(0, -1).join(', ')} or ${kinds.at(-1)}`;
  if (!isMapping(ask)) {
    yield wrong(['ask'], `a mapping with ${list}`, ask);
    return null;
  }
  const [kind, more] = Object.keys(ask).filter(isKind);
  if (kind === undefined) {
    const [key] = Object.keys(ask);
    yield key === undefined ? wrong(['ask'], `a mapping with ${list}`, ask) : wrong(['ask', key], list, key, { of: 'key', known: kinds });
    return null;
  }
  if (more !== undefined) {
    yield wrong(['ask', more], `one question (${kind} is one already; another needs another file)`, more, { of: 'key' });
    return null;
  }
  return kind;
}

function* expectationFaults(data: unknown, kind: Kind): Generator<Fault> {
  const expect = get(data, ['expect']);
  const schema = expectationOf(kind);
  if (!isMapping(expect) || Object.keys(expect).length === 0) {
    yield wrong(['expect'], 'a mapping with at least one expectation, such as equals:', expect);
    return;
  }
  yield* schemaFaults(expect, schema.safeParse(expect).error, wrong, ['expect']);
  for (const path of Object.keys(isMapping(expect['json']) ? expect['json'] : {})) {
    const problem = pathProblem(path);
    if (problem !== null) yield wrong(['expect', 'json', path], problem, path, { of: 'key' });
  }
  if (expect['absent'] === true) {
    const [other] = Object.keys(expect).filter((key) => key !== 'absent');
    if (other !== undefined) yield wrong(['expect', other], 'nothing beside absent: true', other, { of: 'key' });
    if (kind === 'dns' && get(data, ['ask', 'type']) === undefined)
      yield wrong(['ask', 'type'], "a record type, such as A: only a DNS server's own answer tells that a name is not there", undefined);
  }
  const [least, most] = [get(expect, ['at_least']), get(expect, ['at_most'])];
  if (typeof least === 'number' && typeof most === 'number' && least > most)
    yield wrong(['expect', 'at_most'], `at least ${least}, as at_least says`, most);
}
