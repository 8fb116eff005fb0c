// A first fabric.yaml from a few answers.
import type { Backend, JsonObject } from '../fabric.ts';
import { hostName, type Note } from './draft.ts';
import { DEFAULT_IMAGE } from './run.ts';
import { takes } from './takes.ts';

export type AnswerName = 'host' | 'user' | 'kind' | 'url' | 'model' | 'alias' | 'image';
export type Answers = Readonly<Partial<Record<AnswerName, string>>>;

/** One question, which is also a flag of the same name. */
export interface Asked {
  readonly name: AnswerName;
  readonly text: string;
  /** What an empty answer means; `undefined`: it has to be answered. Empty: left out. */
  readonly usual: string | undefined;
  /** What is wrong with an answer. */
  wrong(answer: string): string | null;
}

export const KINDS = ['vllm', 'ollama', 'openrouter', 'openai'] as const;
const kindOf = ({ kind }: Answers): Backend['kind'] => KINDS.find((one) => one === kind) ?? 'vllm';
const USUAL_URL = { vllm: 'http://127.0.0.1:8000', ollama: 'http://127.0.0.1:11434', openrouter: '', openai: undefined };

const unless =
  (good: boolean | ((answer: string) => boolean), expected: string) =>
  (answer: string): string | null =>
    (typeof good === 'boolean' ? good : good(answer)) ? null : `expected ${expected}`;

/** What is asked, in order: later questions know the answers before them. */
export const questionsFor = (answers: Answers): readonly Asked[] => [
  {
    name: 'host',
    text: 'Host: its tailnet address or name',
    usual: undefined,
    wrong: unless(takes.address, 'an IP address or a DNS name'),
  },
  {
    name: 'user',
    text: 'User there (empty: what ssh would use)',
    usual: '',
    wrong: unless((it) => it === '' || takes.user(it), "a user's name"),
  },
  {
    name: 'kind',
    text: `Backend: ${KINDS.join(', ')}`,
    usual: 'vllm',
    wrong: unless((it) => KINDS.some((one) => one === it), KINDS.join(', ')),
  },
  {
    name: 'url',
    text: "The backend's address, as the host sees it",
    usual: USUAL_URL[kindOf(answers)],
    wrong: unless(
      (it) => takes.url(it) || (it === '' && kindOf(answers) === 'openrouter'),
      'an http or https address, such as http://127.0.0.1:8000',
    ),
  },
  {
    name: 'model',
    text: 'Model, as the backend calls it',
    usual: undefined,
    wrong: unless(takes.modelName, 'a name of letters, digits and any of "._:/@+-"'),
  },
  {
    name: 'alias',
    text: 'The name that clients call it by',
    usual: answers.model,
    wrong: unless(takes.modelName, 'a name of letters, digits and any of "._:/@+-"'),
  },
  {
    name: 'image',
    text: "LiteLLM's image",
    usual: DEFAULT_IMAGE,
    wrong: unless(takes.image, 'an image with its registry, pinned by a tag that stays or a digest'),
  },
];

/** The answers with what the unanswered ones usually are, and what is missing or wrong. */
export const completed = (
  given: Answers,
): { readonly answers: Answers; readonly missing: readonly AnswerName[]; readonly wrong: readonly string[] } => {
  let answers = given;
  const missing: AnswerName[] = [];
  const wrong: string[] = [];
  for (const { name } of questionsFor(given)) {
    const asked = questionsFor(answers).find((one) => one.name === name);
    const value = answers[name] ?? asked?.usual;
    if (asked === undefined) continue;
    if (value === undefined) {
      // The alias is the model's name: that one is missing.
      if (name !== 'alias') missing.push(name);
      continue;
    }
    const why = asked.wrong(value);
    if (why !== null) wrong.push(`--${name} ${JSON.stringify(value)}: ${why}`);
    answers = { ...answers, [name]: value };
  }
  return { answers, missing, wrong };
};

/** fabric.yaml as data, and what a newcomer should know at its keys. The answers are complete. */
export const startOf = (answers: Answers): { readonly file: JsonObject; readonly notes: readonly Note[] } => {
  const { host: address = '', user = '', url = '', model: id = '', alias = '', image = '' } = answers;
  const kind = kindOf(answers);
  const name = hostName({ address }, { name: '' });
  const key = kind === 'openrouter' ? 'OPENROUTER_API_KEY' : null;
  const file: JsonObject = {
    hosts: { [name]: { address, ...(user === '' ? {} : { user }) } },
    litellm: {
      host: name,
      image,
      secrets: Object.fromEntries(['LITELLM_MASTER_KEY', ...(key === null ? [] : [key])].map((one) => [one, `env:${one}`])),
      backends: {
        [kind]: {
          kind,
          ...(url === '' ? {} : { url }),
          ...(key === null ? {} : { key }),
          models: [{ id, ...(alias === id ? {} : { alias }) }],
        },
      },
      ...(alias === 'default' ? {} : { aliases: { default: alias } }),
    },
  };
  const notes: readonly Note[] = [
    { at: ['litellm', 'image'], text: 'pinned: a tag that stays, or a digest' },
    {
      at: ['litellm', 'secrets'],
      text: 'what .env holds, from where it is kept: env:NAME, file:PATH, pass:ENTRY, … (docs/secrets.md)',
    },
    { at: ['litellm', 'backends', kind, 'models'], text: 'context: (tokens) may stand beside id: and alias:' },
    ...(kind === 'openai'
      ? [
          {
            at: ['litellm', 'backends', kind],
            text: 'where it needs a key: `key: NAME`, and NAME under secrets; where it costs nothing: `cost: none`',
          },
        ]
      : []),
    { at: ['litellm', 'aliases'], text: 'more names for clients' },
  ];
  return { file, notes };
};
