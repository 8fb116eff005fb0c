import { type Check, defineCheck, type Finding, resultId } from '../check.ts';
import { Refusal } from '../errors.ts';
import type { Facts, Lost, Probe } from '../evidence.ts';
import type { Fabric, SecretName } from '../fabric.ts';
import type { Plan } from '../plan.ts';
import { curl, described, type Reached, reached } from '../probes/http.ts';
import { REVOKED } from '../secret.ts';
import { baseUrl, renderConfig } from '../services/litellm.ts';
import { questions } from './needs.ts';

/** Why a secret cannot be made anew by fabric. Throws a Refusal that says what to do instead. */
export const rotatable = (fabric: Fabric, name: SecretName): void => {
  const { secrets, masterKey, backends } = fabric.litellm;
  if (name === 'LITELLM_SALT_KEY')
    throw new Refusal(
      'LITELLM_SALT_KEY is not rotated: LiteLLM encrypts the credentials in its database with it, and could read none of them with another one',
      { next: ['keep it as long as the database; where it leaked, enter the credentials anew after changing it by hand'] },
    );
  if (!secrets.has(name))
    throw new Refusal(`${name} is no secret of ${fabric.file}`, {
      next: [`litellm.secrets has ${[...secrets.keys()].join(', ') || 'none'}`],
    });
  if (name === masterKey) return;
  const backend = backends.find(({ key }) => key === name);
  throw new Refusal(
    backend === undefined
      ? `fabric does not know who takes ${name}, so it can neither make a new one nor see the old one refused`
      : `${name} is issued by ${backend.name}, not by LiteLLM: fabric cannot make a new one`,
    {
      next: [
        `make a new one ${backend === undefined ? 'where it is issued' : `at ${backend.name}`}, put it where fabric.yaml takes it from, and run \`fabric secrets sync\``,
        'revoke the old one there when that is done',
      ],
    },
  );
};

/** What the host must say before its key is made anew. Throws a Refusal. `fingerprint`: of what the source holds now. */
export const ready = (fabric: Fabric, { know }: Facts, name: SecretName, fingerprint: string | undefined): void => {
  const { host, secrets } = fabric.litellm;
  const there = know(questions(fabric).env)?.values ?? new Map<SecretName, string>();
  if (there.get(name) !== fingerprint)
    throw new Refusal(`${name}: ${there.has(name) ? `${host} has another value than its source` : `${host} has none yet`}`, {
      next: ['run `fabric secrets sync` first, so that one value is in force'],
    });
  const salted = (there.get('LITELLM_SALT_KEY') ?? 'empty') !== 'empty';
  const database = there.has('DATABASE_URL') || secrets.has('DATABASE_URL') || /^ {2}database_url:/m.test(renderConfig(fabric.litellm));
  if (database && !salted)
    throw new Refusal(
      `${name} is not rotated: LiteLLM has a database and no LITELLM_SALT_KEY, so it encrypts the credentials in it with this key`,
      {
        next: [
          'let LiteLLM encrypt them anew first: POST /key/regenerate with new_master_key',
          'then put that key into its source, and run `fabric secrets sync`',
        ],
      },
    );
};

/** LiteLLM's list of models, asked with a key that travels on stdin. */
const asks = ({ litellm }: Fabric, secret: SecretName): Probe<Reached> => ({
  key: `litellm/v1/models/${secret}`,
  question: {
    at: litellm.host,
    via: 'sh',
    stdin: ['Authorization: Bearer ', { secret }, '\n'],
    script: curl(`${baseUrl(litellm)}/v1/models`, '-H @-'),
  },
  read: reached,
});

/** Asked by the gate of a rotation alone: no other run knows both keys. */
export const proof = defineCheck({
  id: 'litellm/key-rotated',
  title: 'The old key is refused, and the new one is taken',
  story: 'A key that was replaced in a file is in force until LiteLLM starts anew; only asking with it shows that it is not.',
  decides: '/v1/models, asked with each key: the old one has to be refused (401, or 400 or 403), the new one let in (200).',
  each: (fabric) => {
    const { host, masterKey } = fabric.litellm;
    if (masterKey === null) return [];
    const [old, now] = [asks(fabric, REVOKED.secret), asks(fabric, masterKey)];
    const finding = (saw: string, want: string): readonly Finding[] => [
      { severity: 'fail', saw, want, advice: 'LiteLLM takes its key from elsewhere too: `fabric secrets diff`.' },
    ];
    return [
      {
        subject: `${host}:old`,
        needs: [old],
        // 401, and 400 where there is no database (measured: LiteLLM 1.109.1).
        judge: ({ know }) => {
          const seen = know(old);
          if (typeof seen === 'string') return [silent(seen)];
          return [400, 401, 403].includes(seen.status) ? [] : finding(`with the old key: ${short(seen)}`, 'HTTP 401');
        },
      },
      {
        subject: `${host}:new`,
        needs: [now],
        judge: ({ know }) => {
          const seen = know(now);
          if (typeof seen === 'string') return [silent(seen)];
          return seen.status === 200 ? [] : finding(`with the new key: ${short(seen)}`, 'HTTP 200');
        },
      },
    ];
  },
} satisfies Check);

/** It says nothing about either key. */
const silent = (why: string): Lost => ({ lost: 'unreadable', why: `LiteLLM: ${why}` });
const short = (seen: Exclude<Reached, string>): string => (seen.status === 200 ? 'HTTP 200, let in' : described(seen));

/** A sync's plan whose gate also wants the proof. */
export const proven = (fabric: Fabric, plan: Plan): Plan => {
  const { host } = fabric.litellm;
  const [old, now] = [resultId(proof, `${host}:old`), resultId(proof, `${host}:new`)];
  return plan.map((step) =>
    step.do === 'gate'
      ? {
          ...step,
          title: `${step.title}; the old key is refused`,
          must: [...step.must, ...[old, now].map((id) => ({ id, atWorst: 'pass' as const }))],
          // LiteLLM answers anew by now: whoever it lets in it will let in later, too.
          hopeless: [...step.hopeless, old],
        }
      : step,
  );
};
