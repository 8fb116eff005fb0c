// rex/REX-42.js and .ts: checks as code, through `defineCheck` of 'homelab-fabric'.
import * as nodeModule from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Case, Check, Entry, Finding } from '../check.ts';
import { Refusal } from '../errors.ts';
import { isLost, type Lost, type Probe, Unreadable } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import { redactText } from '../hosts/redact.ts';
import { asText, type RexId } from '../own/check.ts';
import { questionText } from '../reproduce.ts';
import type { OwnFile } from './own-files.ts';

const PACKAGE = 'homelab-fabric';

/** Runs the modules, in the order of their numbers. A Refusal names the one that cannot be used. */
export const loadModules = async (
  files: readonly OwnFile[],
  fabric: Fabric,
): Promise<ReadonlyMap<RexId, { readonly entry: Entry; readonly checks: readonly Check[] }>> => {
  const typed = files.find(({ path }) => path.endsWith('.ts'));
  if (typed && !('typescript' in process.features && process.features.typescript)) {
    throw new Refusal(`${typed.name}: this Node (${process.version}) does not read TypeScript`, {
      next: ['run fabric with Node 22.18 or newer', `or write it in JavaScript: ${typed.name.replace(/ts$/, 'js')}`],
    });
  }
  findThePackage();
  const loaded = new Map<RexId, { readonly entry: Entry; readonly checks: readonly Check[] }>();
  for (const file of files) loaded.set(file.id, await load(file, fabric));
  return loaded;
};

/**
 * Where fabric is installed globally, a folder of the user's has no node_modules: that one name leads to the fabric that runs, also where
 * another is installed beside, for its classes are the ones that are recognised. Node 20 has `register` alone, which Node 26 warns of.
 */
const findThePackage = (): void => {
  const url = new URL('./index.js', import.meta.url).href;
  if ('registerHooks' in nodeModule && typeof nodeModule.registerHooks === 'function') {
    nodeModule.registerHooks({
      resolve: (specifier: string, context: unknown, next: (specifier: string, context: unknown) => unknown) =>
        specifier === PACKAGE ? { url, format: 'module', shortCircuit: true } : next(specifier, context),
    });
  } else {
    const hook = `export const resolve = (specifier, context, next) =>
      specifier === ${JSON.stringify(PACKAGE)} ? { url: ${JSON.stringify(url)}, format: 'module', shortCircuit: true } : next(specifier, context);`;
    nodeModule.register(`data:text/javascript,${encodeURIComponent(hook)}`);
  }
};

const load = async (file: OwnFile, fabric: Fabric): Promise<{ readonly entry: Entry; readonly checks: readonly Check[] }> => {
  let loaded: Readonly<Record<string, unknown>>;
  try {
    loaded = await import(pathToFileURL(file.path).href);
  } catch (error) {
    throw unusable(file, `cannot be run: ${said(error)}`, error);
  }
  const exported: unknown = loaded['default'];
  const list: readonly unknown[] = Array.isArray(exported) ? exported : [exported];
  // Without `export`, a file is CommonJS to Node, and what it exports by default is empty.
  const nothing = exported === undefined || list.length === 0 || (isObject(exported) && Object.keys(exported).length === 0);
  if (nothing) throw unusable(file, 'exports no check: expected `export default defineCheck({ … })`, or a list of them');
  const checks = list.map((one) => guarded(file, verified(file, one), fabric));
  const twice = checks.find(({ id }, index) => checks.findIndex((one) => one.id === id) !== index);
  if (twice) throw unusable(file, `exports two checks with the id ${twice.id}`);
  const [first] = checks;
  const { errors = [] } = loaded;
  if (first === undefined || !isTexts(errors)) throw unusable(file, 'exports errors that are no list of texts');
  return {
    checks,
    entry: {
      id: file.id,
      title: first.title,
      concluded: '',
      holds: first.story,
      remedy: first.decides,
      sources: [file.name, ...(first.sources ?? [])],
      says: errors.map(asText),
    },
  };
};

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string' && one.trim() !== '');
const said = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  // The line of the user's own file, where the stack names one.
  const place = /(rex\/REX-\d+\.[jt]s:\d+(?::\d+)?)/.exec(error.stack ?? '')?.[1];
  return `${error.name}: ${error.message.split('\n')[0]}${place === undefined ? '' : ` (${place})`}`;
};
const unusable = ({ name }: OwnFile, what: string, cause?: unknown): Refusal =>
  new Refusal(`${name} ${what}`, {
    // Node keeps the place of such an error to itself.
    next: [
      ...(cause instanceof SyntaxError ? [`see where: node --check ${name}`] : []),
      'correct it, or take it out of rex/ (docs/own-entries.md)',
    ],
    cause,
  });

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;
const isCheck = (value: Readonly<Record<string, unknown>>): value is Readonly<Record<string, unknown>> & Check =>
  typeof value['id'] === 'string' &&
  typeof value['title'] === 'string' &&
  typeof value['story'] === 'string' &&
  typeof value['decides'] === 'string' &&
  typeof value['each'] === 'function';

/** What a module handed over, as a check. */
const verified = (file: OwnFile, value: unknown): Check => {
  if (!isObject(value))
    throw unusable(file, `exports ${value === null ? 'null' : typeof value} where a check is expected: defineCheck({ … })`);
  const own = `rex/${file.id}`;
  const id = value['id'];
  if (typeof id !== 'string' || !(id === own || new RegExp(`^${own}-[a-z0-9][a-z0-9-]*$`).test(id)))
    throw unusable(
      file,
      `has a check whose id is ${JSON.stringify(id) ?? 'missing'}: expected '${own}', or '${own}-…' where the file has several`,
    );
  for (const [part, why] of [
    ['title', 'states health, as in "The certificate hook runs as root"'],
    ['story', 'tells what went wrong, and why this is looked at'],
    ['decides', 'tells by what it decides, and where the line is'],
  ] as const) {
    const text = value[part];
    if (typeof text !== 'string' || text.trim() === '') throw unusable(file, `has a check without a ${part}, which ${why}`);
  }
  if (!isCheck(value)) throw unusable(file, 'has a check without each(fabric), which gives its cases');
  return value;
};

/** What a user's code throws names its file, and takes no other check's result away. */
const guarded = (file: OwnFile, check: Check, fabric: Fabric): Check => {
  const known = ['here', ...fabric.hosts.keys()];
  return {
    ...check,
    rex: [file.id],
    each: (of, options) => {
      let cases: unknown;
      try {
        cases = check.each(of, options);
      } catch (error) {
        throw unusable(file, `failed where ${check.id} gives its cases: ${said(error)}`, error);
      }
      if (!Array.isArray(cases) || !cases.every(isCase))
        throw unusable(file, `gives cases that are none: each() of ${check.id} is to return a list of { subject, needs, judge }`);
      return cases.map((one: Case): Case => {
        const lost = one.needs.find(({ question }) => !known.includes(question.at) && !of.hosts.has(question.at));
        const leak = one.needs.find(({ question }) => redactText(questionText(question), new Map()) !== questionText(question));
        if (leak) throw unusable(file, 'asks with what looks like a secret in the script: it would show in `ps` on the host');
        if (lost) throw unusable(file, `asks ${JSON.stringify(lost.question.at)}, which is no host of fabric.yaml and not here`);
        return {
          subject: one.subject,
          needs: one.needs,
          ...(one.blockedBy === undefined ? {} : { blockedBy: one.blockedBy }),
          judge: (facts) => {
            try {
              const found: unknown = one.judge(facts);
              if (Array.isArray(found) && found.every(isFound)) return found;
              throw new Unreadable(
                `${file.name}: judge() is to return a list of findings ({ severity, saw, want, advice }), [] where all is well`,
              );
            } catch (error) {
              if (error instanceof Unreadable) throw error;
              throw new Unreadable(`${file.name} failed in judge(): ${said(error)}`);
            }
          },
        };
      });
    },
  };
};

const isProbe = (value: unknown): value is Probe<unknown> =>
  isObject(value) &&
  typeof value['key'] === 'string' &&
  /^\S+$/.test(value['key']) &&
  typeof value['read'] === 'function' &&
  isObject(value['question']) &&
  typeof value['question']['at'] === 'string' &&
  value['question']['via'] === 'sh' &&
  typeof value['question']['script'] === 'string';
const isFound = (value: unknown): value is Finding | Lost =>
  isLost(value) ||
  (isObject(value) &&
    (value['severity'] === 'fail' || value['severity'] === 'warn') &&
    ['saw', 'want', 'advice'].every((part) => typeof value[part] === 'string'));
const isCase = (value: unknown): value is Case =>
  isObject(value) &&
  typeof value['subject'] === 'string' &&
  value['subject'] !== '' &&
  typeof value['judge'] === 'function' &&
  Array.isArray(value['needs']) &&
  value['needs'].every(isProbe);
