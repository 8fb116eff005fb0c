// What the rules that iptables-save prints do to one packet: marks, and network address translation. Pure, and no more of the language
// than Docker, podman, Tailscale and a person's own lines use; a rule with a test that is not known here is taken as one that does not fit.
import type { Address } from '../fabric.ts';
import { within } from './network.ts';

/** `nft` and `legacy` are two sets of hooks: a packet goes through the rules of both. */
export interface Ruleset {
  readonly backend: 'nft' | 'legacy';
  readonly family: 4 | 6;
  readonly tables: ReadonlyMap<string, Table>;
}
/** Rules by chain. */
export type Table = ReadonlyMap<string, readonly Rule[]>;
export interface Rule {
  readonly chain: string;
  /** As `iptables-save` has it, without `-A`. */
  readonly text: string;
  readonly target: string;
  /** Options and their values. */
  readonly tests: readonly Test[];
}
interface Test {
  readonly option: string;
  readonly value: string;
  readonly not: boolean;
}

/** The first of a flow. `to`: where it is bound for, after or before translation. */
export interface Packet {
  readonly from: Address;
  readonly to: Address;
  /** Whether `to` is an address of this host. */
  readonly toHost: boolean;
  readonly in: string;
  readonly out: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly mark: number;
  /** Its destination was translated. */
  readonly translated: boolean;
}

/** What `iptables-save` prints. */
export const parseRules = (text: string): ReadonlyMap<string, Table> => {
  const tables = new Map<string, Map<string, Rule[]>>();
  let table = new Map<string, Rule[]>();
  for (const line of text.split('\n')) {
    const [, name, chain] = /^(?:\*(\S+)|:(\S+) )/.exec(line) ?? [];
    if (name !== undefined) {
      table = tables.get(name) ?? new Map();
      tables.set(name, table);
    } else if (chain !== undefined) table.set(chain, table.get(chain) ?? []);
    else if (line.startsWith('-A ')) {
      const rule = ruleOf(line.slice('-A '.length).trim());
      table.set(rule.chain, [...(table.get(rule.chain) ?? []), rule]);
    }
  }
  return tables;
};

const ruleOf = (text: string): Rule => {
  const words = [...text.matchAll(/"(?:[^"\\]|\\.)*"|\S+/g)].map(([word]) => word);
  const tests: Test[] = [];
  let not = false;
  for (let n = 1; n < words.length; n += 1) {
    const [word = '', value = ''] = words.slice(n, n + 2);
    if (word === '!') not = true;
    else if (word.startsWith('-')) {
      const alone = value === '' || (value.startsWith('-') && !/^-?\d/.test(value)) || value === '!';
      tests.push({ option: word, value: alone ? '' : value, not });
      if (!alone) n += 1;
      not = false;
    }
  }
  return { chain: words[0] ?? '', text, target: tests.find(({ option }) => option === '-j' || option === '-g')?.value ?? '', tests };
};

/** Options that decide nothing: what loads a module, comments, and what belongs to the target. */
const IDLE =
  /^(?:-m|-j|-g|--comment|--set-xmark|--set-mark|--to-destination|--to-source|--to-ports|--reject-with|--random|--random-fully|--persistent|--log-.*|--nflog-.*|--limit.*)$/;

const fits = ({ tests }: Rule, packet: Packet): boolean =>
  tests.every(({ option, value, not }) => {
    if (IDLE.test(option)) return true;
    const answer = applies(option, value, packet);
    return answer !== null && answer !== not;
  });

/** `null`: a test that is not known here. */
const applies = (option: string, value: string, packet: Packet): boolean | null => {
  const list = value.split(',');
  switch (option) {
    case '-s':
      return list.some((network) => within(packet.from, network));
    case '-d':
      return list.some((network) => within(packet.to, network));
    case '-i':
      return named(packet.in, value);
    case '-o':
      return named(packet.out, value);
    case '-p':
      return value === packet.protocol || value === 'all';
    case '--dport':
    case '--dports':
      return list.some((range) => {
        const [first, last = first] = range.split(':').map(Number);
        return first !== undefined && last !== undefined && first <= packet.port && packet.port <= last;
      });
    case '--mark': {
      const [mark, mask] = numbers(value);
      return (packet.mark & mask) >>> 0 === mark;
    }
    case '--ctstate':
    case '--state':
      return list.includes('NEW') || (packet.translated && list.includes('DNAT'));
    case '--dst-type':
      return value === 'LOCAL' ? packet.toHost : null;
    case '--src-type':
      return value === 'LOCAL' ? false : null;
    default:
      return null;
  }
};
const named = (name: string, pattern: string): boolean =>
  pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
const numbers = (text: string): readonly [value: number, mask: number] => {
  const [value = 0, mask = 0xffffffff] = text.split('/').map(Number);
  return [value >>> 0, mask >>> 0];
};

/** Where a packet ends in a chain. `rule`: the one that decided; none where it came to the end. */
interface End {
  readonly rule?: Rule;
  readonly mark: number;
}
const ENDS = new Set(['ACCEPT', 'DROP', 'REJECT', 'MASQUERADE', 'SNAT', 'DNAT', 'REDIRECT']);

const walk = (table: Table, chain: string, packet: Packet, depth = 0): End => {
  let mark = packet.mark;
  for (const rule of table.get(chain) ?? []) {
    if (!fits(rule, { ...packet, mark })) continue;
    if (ENDS.has(rule.target)) return { rule, mark };
    if (rule.target === 'RETURN') return { mark };
    if (rule.target === 'MARK') {
      const [value, mask] = numbers(rule.tests.find(({ option }) => option === '--set-xmark' || option === '--set-mark')?.value ?? '0/0');
      mark = ((mark & ~mask) ^ value) >>> 0;
    } else if (table.has(rule.target) && depth < 16) {
      const end = walk(table, rule.target, { ...packet, mark }, depth + 1);
      if (end.rule !== undefined) return end;
      mark = end.mark;
    }
  }
  return { mark };
};

const of = (rulesets: readonly Ruleset[], address: Address): readonly Ruleset[] =>
  rulesets.filter(({ family }) => family === (address.includes(':') ? 6 : 4));

/** The rule that gives a forwarded packet another source address; `null`: it keeps its own. */
export const sourceRule = (rulesets: readonly Ruleset[], packet: Packet): (Rule & Pick<Ruleset, 'backend'>) | null => {
  const mine = of(rulesets, packet.to);
  // Both backends see it, each with its own ACCEPT: what one marks, the other masquerades.
  const through = (table: string, chain: string, before: number): number =>
    mine.reduce((all, { tables }) => walk(tables.get(table) ?? new Map(), chain, { ...packet, mark: all }).mark, before);
  // mangle's chain comes before nat's, whoever made his rules last (netfilter_ipv4.h: NF_IP_PRI_MANGLE, NF_IP_PRI_NAT_SRC).
  const mark = through('mangle', 'POSTROUTING', through('filter', 'FORWARD', packet.mark));
  for (const { tables, backend } of mine) {
    const { rule } = walk(tables.get('nat') ?? new Map(), 'POSTROUTING', { ...packet, mark });
    if (rule !== undefined && (rule.target === 'MASQUERADE' || rule.target === 'SNAT')) return { ...rule, backend };
  }
  return null;
};

/** The rule that sends a packet for the host on to a container; `null`: whoever listens on the host gets it. */
export const destinationRule = (rulesets: readonly Ruleset[], packet: Packet): Rule | null => {
  for (const { tables } of of(rulesets, packet.to)) {
    const { rule } = walk(tables.get('nat') ?? new Map(), 'PREROUTING', packet);
    if (rule !== undefined && (rule.target === 'DNAT' || rule.target === 'REDIRECT')) return rule;
  }
  return null;
};
