// On a real host: run by the real cron, recorded and replayed, changes told, and an end to a host that does not answer.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { fabricYaml, KEY, lab } from './lab.ts';

const it = lab('fcron');
const YAML = fabricYaml();
const FABRIC = `${process.execPath} ${join(import.meta.dirname, '../../bin/fabric.js')}`;
const at = (name: string): string => join(it.dir, name);
const read = (name: string): string => readFileSync(at(name), 'utf8');
/** Runs shell where the operator stands, with the lab's ssh_config as the machine's own, and folders of cron's that are empty. */
const onMachine = (script: string): Promise<string> =>
  it.verb(
    'exec',
    'ops',
    'unshare',
    '-m',
    '--propagation',
    'private',
    'sh',
    '-ec',
    `mount --bind ${at('ssh_config')} /etc/ssh/ssh_config
     for folder in /run /etc/cron.d /var/spool/cron; do mount -t tmpfs tmpfs $folder; done
     mkdir -m 1730 /var/spool/cron/crontabs
     ${script}`,
  );

beforeAll(async () => {
  await it.vllm('--host 127.0.0.1 --port 8000 --model qwen2.5-7b');
  const { code } = await it.fabric(YAML, ['deploy', 'litellm', '--yes']);
  expect(code).toBe(0);
});

test('the real cron: no agent, no terminal, a short PATH; it reaches the host, and is silent when healthy', async () => {
  const validate = `${FABRIC} validate --config ${at('fabric.yaml')} --timeout 60`;
  writeFileSync(
    at('crontab'),
    `@reboot root env >${at('env')}; ${validate} --quiet >${at('quiet')} 2>&1; echo $? >${at('code')}; ${validate} >${at('loud')} 2>&1; touch ${at('done')}\n`,
    { mode: 0o644 },
  );
  await onMachine(
    `mount --bind ${at('crontab')} /etc/crontab
     cron -f & cron=$!
     for i in $(seq 2000); do [ -e ${at('done')} ] && break; sleep 0.1; done
     kill $cron`,
  );
  expect(existsSync(at('done'))).toBe(true);
  expect(read('env')).toMatch(/^PATH=\/usr\/bin:\/bin$/m);
  expect(read('env')).not.toMatch(/^(SSH_AUTH_SOCK|XDG_RUNTIME_DIR|TERM)=/m);
  expect([read('code'), read('quiet'), read('loud')]).toEqual(['0\n', '', expect.stringMatching(/^\d+ pass\n$/)]);
});

test('less than cron gives: no HOME, stdin closed', async () => {
  const out = await onMachine(
    `env -i PATH=/usr/bin:/bin setsid -w sh -c 'cd /; exec ${FABRIC} validate --config ${at('fabric.yaml')} --timeout 60 <&-' 2>&1 | cat`,
  );
  expect(out).toMatch(/^\d+ pass$/);
});

test('recorded and replayed: the same report; no key in the bundle', async () => {
  await it.root('firewall-cmd -q --zone=public --add-port=4000/tcp');
  const live = await it.fabric(YAML, ['validate', '--format', 'json', '--record', at('open')]);
  await it.root('firewall-cmd -q --zone=public --remove-port=4000/tcp');
  const replayed = await it.fabric(YAML, ['validate', '--format', 'json', '--from', at('open')]);
  expect(replayed).toEqual(live);
  expect(live.code).toBe(1);
  expect(read('open/akira.evidence')).not.toContain(KEY);
  await it.fabric(YAML, ['validate', '--record', at('closed')]);
  const { code, out } = await it.fabric(YAML, ['validate', '--from', at('closed')]);
  expect([code, out]).toEqual([0, expect.stringMatching(/^\d+ pass$/)]);
});

test('--changes-only: opened, still open, closed', async () => {
  const state = { XDG_STATE_HOME: at('state') };
  const changes = () => it.fabric(YAML, ['validate', '--changes-only'], state);
  expect(await changes()).toEqual({ code: 0, out: '', err: '' });
  await it.root('firewall-cmd -q --zone=public --add-port=4000/tcp');
  expect(await changes()).toMatchObject({ code: 1, out: expect.stringMatching(/^> litellm\/exposure@akira {2}fail \(was pass since /) });
  expect(await changes()).toEqual({ code: 1, out: '', err: '' });
  await it.root('firewall-cmd -q --zone=public --remove-port=4000/tcp');
  expect(await changes()).toMatchObject({ code: 0, out: expect.stringMatching(/^✓ litellm\/exposure@akira .*recovered/) });
});

test('--timeout: a host whose podman hangs', async () => {
  // What it starts is no child of the question's, so that the host does not end it: without --timeout that is waited for.
  await it.root('printf "#!/bin/sh\\nsetsid sleep 250 & wait\\n" >/usr/local/bin/podman; chmod 755 /usr/local/bin/podman');
  const before = Date.now();
  const { code, out } = await it.fabric(YAML, ['validate', '--timeout', '2']);
  expect(Date.now() - before).toBeLessThan(60_000);
  expect([code, out]).toEqual([
    3,
    expect.stringMatching(/^\? \d+ checks could not be made: timeout: akira: no answer within 2 s\n\d+ unknown$/),
  ]);
  await it.root('rm /usr/local/bin/podman; pkill -f "^sleep 250" || true');
  expect((await it.fabric(YAML, ['validate', '--timeout', '60'])).code).toBe(0);
});
