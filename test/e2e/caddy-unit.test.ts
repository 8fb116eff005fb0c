// Caddy without a container: a unit of systemd's on the host's network, as a distribution's package has it. And an operator whose curl
// speaks no HTTP/3, as most do.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { caddyLab } from './caddy-lab.ts';
import { findingsOf, having } from './lab.ts';

const it = caddyLab('fcaddyunit');
const yaml = (): string => it.yaml().replace('container: caddy', 'unit: caddy.service');
const doctor = async (): Promise<string> => (await it.fabric(yaml(), ['doctor', 'caddy', '--format', 'json'])).out;
const HEREDOC = `printf '%s\\n' 'boot.lab.test {' '	tls internal' '	respond <<BOOTSTRAP' '		#!/bin/sh' '		BOOTSTRAP' '		200' '}' >>$DIR/Caddyfile`;

test('healthy, with nothing found; a fault that waits, and one that took every site down: both mended', async () => {
  await it.state('host-network');
  await it.host(`docker rm -f "$NAME" >/dev/null
cat >/etc/systemd/system/caddy.service <<'UNIT'
[Service]
Type=notify
Environment=XDG_DATA_HOME=/opt/caddy/data
ExecStart=/srv/caddy/caddy run --environ --config /opt/caddy/Caddyfile --adapter caddyfile
ExecReload=/srv/caddy/caddy reload --config /opt/caddy/Caddyfile --adapter caddyfile --force
Restart=on-failure
UNIT
systemctl daemon-reload; systemctl start caddy`);
  const healthy = await doctor();
  expect([having(healthy, 'fail'), having(healthy, 'warn'), having(healthy, 'unknown')]).toEqual([[], [], []]);

  const fix = async (): Promise<void> => {
    const { out, err } = await it.fabric(yaml(), ['fix', 'REX-35', '--yes']);
    expect(err, out).toMatch(/✓ gate: caddy\/caddyfile@akira holds/);
    expect(await it.host('systemctl is-active caddy; tail -n 2 $DIR/Caddyfile')).toBe('active\n\t\tBOOTSTRAP 200\n}');
    expect(having(await doctor(), 'fail')).toEqual([]);
  };
  await it.host(HEREDOC);
  const waiting = await doctor();
  expect(having(waiting, 'fail')).toEqual(['caddy/caddyfile@akira']);
  expect(findingsOf(waiting, 'caddy/caddyfile@akira')).toContain('its next start will fail');
  await fix();

  await it.host(`sed -i 's/BOOTSTRAP 200/BOOTSTRAP\\n\\t\\t200/' $DIR/Caddyfile; systemctl restart caddy || true`);
  const dead = await doctor();
  expect(having(dead, 'fail')).toEqual(['caddy/caddyfile@akira']);
  expect(having(dead, 'blocked')).toContain('caddy/alive@akira');
  await fix();
  await it.host('systemctl stop caddy; rm /etc/systemd/system/caddy.service; systemctl daemon-reload');
});

test('HTTP/3 is tried by this machine all the same where its curl has none', async () => {
  await it.state('docker-proxy');
  const curl = join(it.dir, 'bin/curl');
  writeFileSync(curl, `#!/bin/sh\ncase $1 in -V) /usr/bin/curl -V | sed s/HTTP3//;; *) exec /usr/bin/curl "$@";; esac\n`, { mode: 0o755 });
  const { out } = await it.fabric(it.yaml(), ['doctor', 'caddy', '--format', 'json']);
  rmSync(curl);
  const report: {
    readonly matrix: readonly {
      readonly vantage: string;
      readonly address: string;
      readonly cells: readonly { readonly seen: string }[];
    }[];
  } = JSON.parse(out);
  const seen = report.matrix.filter(({ vantage }) => vantage === 'here').map(({ cells }) => cells.map((cell) => cell.seen));
  const all = (one: string): readonly string[] => [one, one, one];
  // docker-proxy masks IPv6: refused by the site for the VPN alone.
  expect(seen).toEqual([all('allowed'), all('refused'), all('allowed'), all('allowed')]);
  expect([having(out, 'fail'), having(out, 'unknown')]).toEqual([['caddy/docker-proxy@akira'], []]);
});
