import type { Check, CheckId } from '../check.ts';
import { checks } from '../checks/index.ts';
import { draftOf, hostName, type Note } from '../draft/draft.ts';
import { parseTarget, type Target } from '../draft/target.ts';
import { fabricText } from '../draft/write.ts';
import { Refusal } from '../errors.ts';
import type { Evidence, Probe } from '../evidence.ts';
import { NoFabric } from '../fabric/find.ts';
import { parse, problemText } from '../fabric/parse.ts';
import type { Fabric } from '../fabric.ts';
import { runtimeFirewall } from '../probes/firewall.ts';
import { survey, where } from '../probes/survey.ts';
import { unit } from '../probes/unit.ts';
import type { Keyring } from '../secret.ts';
import { UNIT } from '../services/litellm.ts';
import { visible } from '../shell.ts';
import { progress } from './progress.ts';
import { type Common, certain, open, type Session, sessionOf } from './session.ts';

/** A host that was looked at without a fabric.yaml, and the fabric.yaml that says what it runs. */
export interface Inspected {
  readonly session: Session;
  /** fabric.yaml, with comments. */
  readonly text: string;
  readonly notes: readonly Note[];
  /** What a draft can be judged by. */
  readonly checks: readonly Check[];
  readonly unjudged: ReadonlyMap<CheckId, string>;
}

/**
 * Looks at a host over one connection, read-only. Throws a Refusal where nothing there runs LiteLLM: exit 2, since the host was
 * reached and looked at, and the command names one that has nothing to judge.
 */
export const inspect = async (target: Target, keyring: Keyring): Promise<Inspected> => {
  const name = hostName(target, { name: '' });
  const session = sessionOf(fabricOf(outline(target, name, target.user === 'root')));
  const asking = progress(`looking at ${target.address}`);
  try {
    const seen = await lookAt(session, target, name, keyring);
    const draft = draftOf(target, seen);
    if (draft === null) throw nothingThere(target, seen);
    const text = fabricText(draft.file, HEADING(target), draft.notes);
    const fabric = fabricOf(text);
    return {
      // The host may have another name now; the connection is the same.
      session: sessionOf(fabric, session.connector(name)),
      text,
      notes: draft.notes,
      checks: checks.filter(({ id }) => !draft.unjudged.has(id)),
      unjudged: draft.unjudged,
    };
  } catch (error) {
    await session.close();
    throw error;
  } finally {
    asking.end();
  }
};

const HEADING = ({ user, address }: Target): readonly string[] => [
  `Drafted from what ${user === undefined ? '' : `${user}@`}${address} runs. What could not be told stands as a comment at its place.`,
  'Everything else that fabric.yaml knows: fabric.example.yaml, and the README.',
];

/** A fabric.yaml that says where the host is and nothing more. */
const outline = ({ address, user, port }: Target, name: string, root: boolean): string =>
  fabricText(
    {
      hosts: {
        [name]: {
          address,
          ...(user === undefined ? {} : { user }),
          ...(port === undefined ? {} : { port }),
          ...(root ? { become: 'none' } : {}),
        },
      },
      litellm: {
        host: name,
        image: 'localhost/none:0',
        master_key: 'none: everyone who can connect is an administrator',
        backends: {},
      },
    },
    [],
    [],
  );

/** The Fabric of a text that we wrote: a problem in it is ours. */
const fabricOf = (text: string): Fabric => {
  const parsed = parse(text, '/dev/null');
  if ('fabric' in parsed) return parsed.fabric;
  throw new Error(`bug: the draft is no fabric.yaml: ${parsed.problems.map((one) => problemText('draft', one)).join('; ')}`);
};

type Seen = Parameters<typeof draftOf>[1];

const lookAt = async (session: Session, target: Target, name: string, keyring: Keyring): Promise<Seen> => {
  const asked = { where: where(name), survey: survey(name), unit: unit(name, UNIT), firewall: runtimeFirewall(name) };
  const needs: readonly Probe<unknown>[] = Object.values(asked);
  const read = (evidence: readonly Evidence[]): Seen =>
    certain(evidence, needs, ({ know, maybe }) => {
      const at = know(asked.where);
      if (at.has.length === 0) throw nothingToRunOn(target, at.system);
      return { where: at, survey: know(asked.survey), unit: maybe(asked.unit), firewall: maybe(asked.firewall) };
    });
  const evidence = await session.ask(needs, keyring);
  // ssh_config made us root, and there is no sudo: the same questions without it.
  const isRoot = certain(evidence, needs, ({ know, maybe }) => know(asked.where).root && 'lost' in maybe(asked.survey));
  if (!isRoot || target.user !== undefined) return read(evidence);
  const asRoot = sessionOf(fabricOf(outline(target, name, true)), session.connector(name));
  return read(await asRoot.ask(needs, keyring));
};

const nothingToRunOn = ({ address }: Target, system: string): Refusal =>
  new Refusal(
    `${address} (${system || 'an unknown system'}) has neither podman nor docker nor systemd: nothing that fabric knows runs LiteLLM there`,
    {
      next: [
        'name the host that runs LiteLLM: fabric validate user@host',
        'fabric deploys to Linux with systemd and podman: fabric init --help',
      ],
    },
  );

const nothingThere = ({ user, address }: Target, { survey: { config, listens }, where: { has } }: Seen): Refusal => {
  const looked = ['litellm.service', ...has.filter((one) => one !== 'systemctl').map((engine) => `${engine}'s containers`)];
  const more = [
    ...(config === null ? [] : [`${visible(config.path)} is there, and nothing runs it`]),
    ...(listens.length === 0 ? [] : [`port 4000 is ${listens.map(visible).join(', ')}'s`]),
  ];
  return new Refusal(
    `no LiteLLM was found on ${address}: looked at root's ${looked.join(', ')}${more.length > 0 ? ` (${more.join('; ')})` : ''}`,
    {
      next: [
        `to deploy one there: fabric init --host ${address}${user === undefined ? '' : ` --user ${user}`}`,
        'if it runs in a container of a user (rootless), or as a program without a unit: fabric does not look there',
      ],
    },
  );
};

/**
 * What `fabric validate TARGET` means. A plain name of fabric.yaml's own host means that host as declared: `null`. All else is
 * looked at as it is.
 */
export const targetOf = (text: string, common: Common): Target | null => {
  const { plain, ...target } = parseTarget(text);
  if (!plain) return target;
  const declared = openIfAny(common)?.fabric;
  if (declared === undefined) return target;
  if (declared.litellm.host === text) return null;
  const host = declared.hosts.get(text);
  if (host === undefined || host.client === 'local') return target;
  const { address, user, port } = host;
  return { address, ...(user === undefined ? {} : { user }), ...(port === undefined ? {} : { port }) };
};

/** The session of fabric.yaml, where there is one. One with problems is a Refusal all the same. */
const openIfAny = (common: Common): Session | null => {
  try {
    return open(common);
  } catch (error) {
    if (error instanceof NoFabric) return null;
    throw error;
  }
};

/** For people, after a report: what was judged, and what could not be told. */
export const aboutDraft = ({ notes, unjudged, session }: Inspected, target: string): string =>
  [
    `judged against a draft of what ${session.fabric.litellm.host} runs, since no fabric.yaml says what it should run`,
    ...(notes.length === 0 ? [] : ['could not be told, or is otherwise in fabric.yaml:']),
    ...notes.map(({ at, text }) => `  ${at.join('.')}: ${text}`),
    ...(unjudged.size === 0 ? [] : ['not judged:']),
    ...[...unjudged].map(([id, why]) => `  ${id}: ${why}`),
    `→ fabric init --from-host ${target} writes the draft as a fabric.yaml`,
    '',
  ]
    .map(visible)
    .join('\n');

/** The same for programs: `fabric.report/1` has it as `draft`, which is null where fabric.yaml was judged against. */
export const draftJson = ({ notes, unjudged }: Inspected) => ({
  notes: notes.map(({ at, text }) => ({ at: at.join('.'), text: visible(text) })),
  unjudged: [...unjudged].map(([check, why]) => ({ check, why })),
});
