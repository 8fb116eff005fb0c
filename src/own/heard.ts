// What a block asks, as a question to a host, and its answer, as an expectation judges it. `ask` says what of it there is.
import { type Probe, Unreadable, type Vantage } from '../evidence.ts';
import { anyContainer, command, dialled, page, records, type Standing, standing } from '../probes/ask.ts';
import { file } from '../probes/file.ts';
import { curl } from '../probes/http.ts';
import { listeners, resolved } from '../probes/network.ts';
import { unit } from '../probes/unit.ts';
import { quote } from '../shell.ts';
import type { Ask, Expectation } from './block.ts';

/** An answer. */
export type Heard =
  | {
      readonly is: 'there';
      readonly text: string;
      readonly fields: { readonly [name: string]: string };
      readonly headers: ReadonlyMap<string, string>;
    }
  | { readonly is: 'absent'; readonly why: string }
  /** Something is there, and it says nothing that could be judged. */
  | { readonly is: 'mute'; readonly why: string };

const there = (
  text: string,
  fields: { readonly [name: string]: string } = {},
  headers: ReadonlyMap<string, string> = new Map(),
): Heard => ({
  is: 'there',
  text,
  fields,
  headers,
});
const listed = (lines: readonly string[], why: string): Heard => (lines.length === 0 ? { is: 'absent', why } : there(lines.join('\n')));

/** The same question, read further. */
const read = <T>(probe: Probe<T>, then: (value: T) => Heard): Probe<Heard> => ({
  key: probe.key,
  question: probe.question,
  read: (...answer) => then(probe.read(...answer)),
});

/** On this machine what fabric asks as root elsewhere is asked as who runs it: nobody set sudo up for it here. */
const asWho = (at: Vantage, probe: Probe<Heard>): Probe<Heard> => {
  if (at !== 'here' || probe.question.via !== 'sh' || !probe.question.sudo) return probe;
  const { sudo: _, ...question } = probe.question;
  return { key: `plain/${probe.key}`, question, read: probe.read };
};

export const probeOf = (at: Vantage, ask: Ask, expect: Expectation): Probe<Heard> => {
  switch (ask.kind) {
    case 'command':
      return read(
        command(at, ask.command, { ...(ask.sudo ? { sudo: true } : {}), ...(ask.seconds === undefined ? {} : { seconds: ask.seconds }) }),
        ({ code, out, err }) => {
          // `grep` ends with 1 where nothing matches, and says nothing. One that fails and complains has not answered.
          if (code !== 0 && err.trim() !== '' && expect.exit === undefined)
            throw new Unreadable(`exit ${code}: ${err.trim().split('\n')[0]}`);
          return there(out, { exit: String(code) });
        },
      );
    case 'file':
      // What a file holds is fetched only where it is looked at.
      return asWho(
        at,
        aboutText(expect)
          ? read(file(at, ask.file), (state) => fileHeard(ask.file, state, state?.text ?? ''))
          : read(standing(at, ask.file), (state) => fileHeard(ask.file, state, state === null ? '' : `${state.mode} ${state.owner}`)),
      );
    case 'http':
      return read(page(at, ask.http, ask.method), (reply) => {
        if (typeof reply !== 'string') return there(reply.body, { status: String(reply.status), protocol: reply.protocol }, reply.headers);
        if (reply === 'no such host') throw new Unreadable('the name has no address there');
        return { is: reply === 'connection refused' || reply === 'no answer in time' ? 'absent' : 'mute', why: reply };
      });
    case 'dns':
      return ask.type === undefined && ask.server === undefined
        ? read(resolved(at, ask.dns), (found) => listed(found, `${ask.dns} has no address`))
        : read(records(at, ask.dns, ask.type ?? 'A', ask.server), (found) => listed(found, `${ask.dns} has no ${ask.type ?? 'A'} record`));
    case 'tcp':
      return read(dialled(at, ask.tcp.address, ask.tcp.port), (came) => (came === 'open' ? there('open') : { is: 'absent', why: came }));
    case 'unit':
      return read(unit(at, ask.unit), ({ load, active, sub, enabled, result, restarts }) =>
        load === 'not-found'
          ? { is: 'absent', why: `there is no unit ${ask.unit}` }
          : there(active, { sub, enabled, result, restarts: String(restarts) }),
      );
    case 'container':
      return asWho(
        at,
        read(anyContainer(at, ask.container), (state) =>
          state === null
            ? { is: 'absent', why: `there is no container ${ask.container}` }
            : there(state.status, { image: state.image, network: state.network, restart: state.restart, engine: state.engine }),
        ),
      );
    case 'port':
      return read(listeners(at, ask.port), (found) => listed([...new Set(found)].sort(), `nothing listens on ${ask.port}`));
    default:
      return ask satisfies never;
  }
};

const aboutText = ({ equals, contains, matches, at_least, at_most, not, json }: Expectation): boolean =>
  [equals, contains, matches, at_least, at_most, not, json].some((one) => one !== undefined);
const fileHeard = (path: string, state: Standing | null, text: string): Heard =>
  state === null ? { is: 'absent', why: `${path} is not there` } : there(text, { mode: state.mode, owner: state.owner });

/** For people: what is asked, as they would ask it. */
export const commandOf = (ask: Ask, expect: Expectation, at?: Vantage): string => {
  const sudo = at === 'here' ? '' : 'sudo ';
  switch (ask.kind) {
    case 'command':
      return ask.sudo ? `sudo sh -c ${quote(ask.command)}` : ask.command;
    case 'file':
      return aboutText(expect) ? `${sudo}cat ${quote(ask.file)}` : `${sudo}stat -c '%a %U:%G' ${quote(ask.file)}`;
    case 'http':
      return curl(ask.http, ask.method === 'HEAD' ? '-I' : '-i');
    case 'dns':
      return ask.type === undefined && ask.server === undefined
        ? `getent ahosts ${quote(ask.dns)}`
        : `dig ${ask.server === undefined ? '' : `@${ask.server} `}${quote(ask.dns)} ${ask.type ?? 'A'}`;
    case 'tcp':
      return `bash -c ${quote(`exec 3<>/dev/tcp/${ask.tcp.address}/${ask.tcp.port}`)}`;
    case 'unit':
      return `systemctl status ${quote(ask.unit)}`;
    case 'container':
      return `for e in podman docker; do ${sudo}$e ps -a --filter name=${quote(ask.container)}; done`;
    case 'port':
      return `ss -ltnp 'sport = :${ask.port}'`;
    default:
      return ask satisfies never;
  }
};
