// Each kind of question that a user's entry may ask, put to a real host: once as it is, once as it is not.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { fabricYaml, IMAGE, lab } from './lab.ts';

const { dir, fabric, root } = lab('own');

/** What holds on the host; what does not, and how it is said. */
const ROWS: readonly (readonly [ask: string, holds: string, not: string, saw: string])[] = [
  ['command: stat -c %U /etc/shadow', 'equals: root', 'equals: ann', 'root'],
  ['command: id -u\n  sudo: true', 'equals: 0', 'at_least: 1', '0'],
  ['file: /etc/fabric-own.json', '{ mode: 640, owner: root:root, json: { "jobs[0].failed": 0 } }', 'mode: 600', 'mode 640'],
  ['file: /etc/fabric-none', 'absent: true', 'contains: x', '/etc/fabric-none is not there'],
  [
    'http: http://127.0.0.1:8123/v1/models',
    '{ status: 200, json: { "data[0].id": own }, headers: { content-type: { contains: json } } }',
    'status: 404',
    'status 200',
  ],
  ['http: http://127.0.0.1:8123/v1/models\n  method: HEAD', 'status: { at_least: 200 }', 'absent: true', 'nothing'],
  ['http: http://127.0.0.1:8124/', 'absent: true', 'status: 200', 'connection refused'],
  ['dns: localhost', 'matches: "^127[.]0[.]0[.]1$"', 'equals: 10.0.0.1', '127.0.0.1'],
  ['tcp: 127.0.0.1:22', 'equals: open', 'absent: true', 'open'],
  ['tcp: 100.64.0.99:22', 'absent: true', 'equals: open', 'no '],
  ['tcp: 127.0.0.1:8124', 'absent: true', 'equals: open', 'connection refused'],
  ['unit: ssh.service', '{ equals: active, restarts: 0, result: success }', 'equals: failed', 'active'],
  ['unit: nothing.service', 'absent: true', 'equals: active', 'there is no unit nothing.service'],
  [
    'container: own',
    `{ equals: running, image: "${IMAGE}", network: host, restart: always, engine: podman }`,
    'restart: "no"',
    'restart always',
  ],
  ['container: none', 'absent: true', 'equals: running', 'there is no container none'],
  ['port: 8123', 'matches: "^127[.]0[.]0[.]1$"', 'absent: true', '127.0.0.1'],
  ['port: 8124', 'absent: true', 'equals: 127.0.0.1', 'nothing listens on 8124'],
];

beforeAll(async () => {
  await root(`
    printf '{"jobs":[{"failed":0}]}' >/etc/fabric-own.json; chmod 640 /etc/fabric-own.json
    systemd-run -q -u own-http /usr/local/lib/fabric-lab/openai-server.py --host 127.0.0.1 --port 8123 --model own
    podman run -d --pull=never --name own --network host --restart always --entrypoint sleep ${IMAGE} infinity >/dev/null ||
      podman run -d --replace --pull=never --name own --network host --restart always --entrypoint python3 ${IMAGE} -c 'import time; time.sleep(9999)' >/dev/null
    for i in $(seq 600); do curl -s -o /dev/null http://127.0.0.1:8123/v1/models && exit 0; sleep 0.1; done; exit 1`);
  mkdirSync(join(dir, 'rex'));
  const put = (number: number, ask: string, wanted: string): void =>
    writeFileSync(
      join(dir, `rex/REX-${number}.md`),
      `# T\n\nProse.\n\n\`\`\`yaml fabric-check\nat: akira\nask:\n  ${ask}\nexpect: ${wanted.startsWith('{') ? wanted : `{ ${wanted} }`}\nadvice: x\n\`\`\`\n`,
    );
  for (const [index, [ask, holds, not]] of ROWS.entries()) {
    put(100 + index, ask, holds);
    put(200 + index, ask, not);
  }
});

test('each holds where it should, and fails where it should', async () => {
  const { out, err } = await fabric(fabricYaml(), ['validate', '--format', 'json']);
  expect(err).toBe('');
  const results: readonly { id: string; status: string; findings: readonly { saw: string }[]; lost: readonly { why: string }[] }[] =
    JSON.parse(out).results;
  const said = results
    .filter(({ id }) => id.startsWith('rex/'))
    .map(({ id, status, findings, lost }) => [id, status, ...findings.map(({ saw }) => saw), ...lost.map(({ why }) => why)]);
  expect(said).toEqual([
    ...ROWS.map((_, index) => [`rex/REX-${100 + index}@akira`, 'pass']),
    ...ROWS.map(([, , , saw], index) => [`rex/REX-${200 + index}@akira`, 'fail', expect.stringContaining(saw)]),
  ]);
});
