import { type Probe, succeeded } from '../evidence.ts';
import type { HostName } from '../fabric.ts';
import { quote } from '../shell.ts';

export interface UnitState {
  /** `loaded`, `not-found`, `masked`, … */
  readonly load: string;
  /** `active`, `inactive`, `activating`, `failed`, … */
  readonly active: string;
  /** `running`, `auto-restart`, `dead`, … A failing unit with Restart=always reads `auto-restart`, never `failed` (measured). */
  readonly sub: string;
  /** Automatic restarts since it was last started by hand. */
  readonly restarts: number;
  /** The file that it was read from. Empty when there is none. */
  readonly fragment: string;
  /** Seconds since it became active; `null` when it is not. */
  readonly age: number | null;
  /** `enabled`, `generated` (a Quadlet), … Empty when there is none. */
  readonly enabled: string;
  /** Why it ended last: `success`, `exit-code`, … */
  readonly result: string;
}

/**
 *   LoadState=loaded
 *   ActiveState=active
 *   SubState=running
 *   NRestarts=0
 *   FragmentPath=/run/systemd/generator/litellm.service
 *   ActiveEnterTimestamp=@1771400000
 *   UnitFileState=generated
 *   Result=success
 */
export const unit = (at: HostName, name: string): Probe<UnitState> => ({
  key: `unit/${name}`,
  question: {
    at,
    via: 'sh',
    script: `systemctl show ${quote(name)} --timestamp=unix -p LoadState,ActiveState,SubState,NRestarts,FragmentPath,ActiveEnterTimestamp,UnitFileState,Result`,
  },
  read: (answer, at) => {
    const properties = new Map(
      succeeded(answer)
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    const get = (name: string): string => properties.get(name) ?? '';
    const since = Number(get('ActiveEnterTimestamp').replace('@', ''));
    return {
      load: get('LoadState'),
      active: get('ActiveState'),
      sub: get('SubState'),
      restarts: Number(get('NRestarts')),
      fragment: get('FragmentPath'),
      age: get('ActiveState') === 'active' && since > 0 ? at - since : null,
      enabled: get('UnitFileState'),
      result: get('Result'),
    };
  },
});

/** The last lines that the unit logged, oldest first. */
export const lastLines = (at: HostName, name: string, count: number): Probe<readonly string[]> => ({
  key: `log/${name}/${count}`,
  question: { at, via: 'sh', sudo: true, script: `journalctl -u ${quote(name)} -n ${count} -o cat --no-pager` },
  read: (answer) => succeeded(answer).split('\n').filter(Boolean),
});
