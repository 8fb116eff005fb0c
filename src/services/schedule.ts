// How often something is started, in seconds, as systemd and cron write it. `null`: not at a steady pace, or not in a form that is known here.

const UNITS: ReadonlyMap<string, number> = new Map([
  ['us', 1e-6],
  ['ms', 1e-3],
  ['', 1],
  ['s', 1],
  ['sec', 1],
  ['m', 60],
  ['min', 60],
  ['h', 3600],
  ['d', 86_400],
  ['day', 86_400],
  ['w', 604_800],
  ['month', 2_629_800],
  ['y', 31_557_600],
]);
const NAMES: ReadonlyMap<string, number> = new Map([
  ['minutely', 60],
  ['hourly', 3600],
  ['daily', 86_400],
  ['midnight', 86_400],
  ['weekly', 604_800],
  ['monthly', 2_629_800],
  ['yearly', 31_557_600],
  ['annually', 31_557_600],
]);

/** `30s`, `1min 30s`, `500ms`, `1d`. */
export const duration = (text: string): number | null => {
  const parts = text.trim().split(/\s+/);
  let sum = 0;
  for (const part of parts) {
    const [, n, unit = ''] = /^(\d+(?:\.\d+)?)([a-z]*)$/.exec(part) ?? [];
    const factor = UNITS.get(unit) ?? UNITS.get(unit.replace(/s$/, ''));
    if (n === undefined || factor === undefined) return null;
    sum += Number(n) * factor;
  }
  return sum;
};

/** `OnUnitActiveUSec=30s OnBootUSec=1min`, `OnCalendar=*-*-* *:00/5:00`, as `systemctl show` says them. */
export const timerPeriod = (when: string): number | null => {
  const steady = /OnUnit(?:Active|Inactive)USec=((?:\d[\d.]*[a-z]+ ?)+)/.exec(when)?.[1];
  if (steady !== undefined) return duration(steady);
  const calendar = /OnCalendar=(.*?)(?= On[A-Z]|$)/.exec(when)?.[1]?.trim();
  if (calendar === undefined) return null;
  const named = NAMES.get(calendar);
  if (named !== undefined) return named;
  const [, hour = '', minute = '', second = '00'] = /^(?:\*-\*-\* )?([^ :]+):([^ :]+)(?::([^ :]+))?$/.exec(calendar) ?? [];
  return clockPeriod(hour, minute, second);
};

// `*`, `0/5` or a list, of the smallest part that is not one number; all above it must be `*`.
const clockPeriod = (hour: string, minute: string, second: string): number | null => {
  if (hour !== '*') return /^\d+$/.test(hour) && /^\d+$/.test(minute) ? 86_400 : each(hour, 3600, 24);
  if (minute !== '*') return /^\d+$/.test(minute) ? 3600 : each(minute, 60, 60);
  return /^\d+$/.test(second) ? 60 : second === '*' ? 1 : each(second, 1, 60);
};
const each = (part: string, unit: number, whole: number): number | null => {
  const step = /^(?:\*|\d+)\/(\d+)$/.exec(part)?.[1];
  if (step !== undefined) return Number(step) === 0 ? null : Number(step) * unit;
  return /^\d+(,\d+)+$/.test(part) ? (whole * unit) / part.split(',').length : null;
};

/** The five fields of a crontab's line, or `@hourly`. */
export const cronPeriod = (when: string): number | null => {
  if (when.startsWith('@')) return NAMES.get(when.slice(1)) ?? null;
  const [minute = '', hour = '', day, month, weekday] = when.split(/\s+/);
  if (day !== '*' || month !== '*' || weekday !== '*') return null;
  return clockPeriod(hour, minute, '00');
};
