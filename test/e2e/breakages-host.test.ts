// The same for what stands around LiteLLM: its host, the image's name, the version inside, and the HTTPS front.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import type { CheckId } from '../../src/check.ts';
import { fabricYaml, findingsOf, having, IMAGE, isFirst, keepFixture, lab } from './lab.ts';

const it = lab('fbreakh');
const NAME = 'llm.lab.example';
const FRONT = `  front: https://${NAME}\n`;
const YAML = fabricYaml({ litellm: FRONT });
/** The checks that this file breaks. */
const OURS: readonly CheckId[] = [
  'litellm/image-moved',
  'litellm/version',
  'litellm/front',
  'litellm/front-certificate',
  'host/clock',
  'host/disk',
];
const RECORDING = process.env['FABRIC_FIXTURES'] === '1';

const validate = async (yaml: string, folder: string) => {
  rmSync(join(it.dir, folder), { recursive: true, force: true }); // a recording is never written over
  return it.fabric(yaml, ['validate', '--format', 'json', '--record', join(it.dir, folder)]);
};

/** A TLS proxy in front of LiteLLM, and an authority that the host trusts. `front CERTIFICATE PORT` puts it up with LiteLLM behind that port. */
const FRONT_TOOLS = `set -e
mkdir -p /root/tls; cd /root/tls
key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
openssl req -x509 $key -keyout ca.key -out ca.crt -subj '/CN=authority of the lab' -days 400 2>/dev/null
cp ca.crt /usr/local/share/ca-certificates/lab.crt; update-ca-certificates >/dev/null 2>&1
issue() { # FILE NAME START END
  openssl req $key -keyout $1.key -out $1.csr -subj "/CN=$2" -addext "subjectAltName=DNS:$2" 2>/dev/null
  openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -copy_extensions copy -out $1.crt \\
    -not_before "$(date -u -d "$3 days" +%Y%m%d%H%M%SZ)" -not_after "$(date -u -d "$4 days" +%Y%m%d%H%M%SZ)" 2>/dev/null
  cat $1.crt $1.key >$1.pem
}
issue good ${NAME} -10 80; issue ended ${NAME} -92 -2; issue ending ${NAME} -85 5; issue overdue ${NAME} -75 15; issue other other.lab.example -10 80
echo '127.0.0.1 ${NAME}' >>/etc/hosts
cat >proxy.py <<'PY'
import http.server, ssl, sys, urllib.error, urllib.request
class Proxy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{sys.argv[2]}{self.path}', timeout=5) as reply: status, body = reply.status, reply.read()
        except urllib.error.HTTPError as error: status, body = error.code, error.read()
        except OSError: status, body = 502, b'Bad Gateway'
        self.send_response(status); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
server = http.server.ThreadingHTTPServer(('127.0.0.1', 443), Proxy)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH); context.load_cert_chain(sys.argv[1])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
PY
cat >/usr/local/bin/front <<'SH'
#!/bin/sh
systemctl stop front 2>/dev/null
systemd-run -q --collect --unit front python3 /root/tls/proxy.py /root/tls/$1.pem $2
for i in $(seq 600); do curl -sk -o /dev/null https://127.0.0.1/ && exit 0; sleep 0.1; done; exit 1
SH
chmod 755 /usr/local/bin/front; front good 4000`;

beforeAll(async () => {
  await it.vllm('--host 127.0.0.1 --port 8000 --model qwen2.5-7b');
  await it.root(FRONT_TOOLS);
  const { code, err } = await it.fabric(YAML, ['deploy', 'litellm', '--yes']);
  expect(err).toContain('keep this as a release');
  expect(code).toBe(0);
});

test('healthy: every check passes', async () => {
  const { code, out } = await validate(YAML, 'after');
  expect(having(out, 'pass').length).toBe(JSON.parse(out).results.length);
  expect(code).toBe(0);
  for (const id of OURS) {
    expect(having(out, 'pass').some((one) => one.startsWith(`${id}@`))).toBe(true);
    keepFixture(id, 'after', YAML, join(it.dir, 'after'));
  }
});

interface Breakage {
  readonly check: CheckId;
  readonly subject?: string;
  readonly saw: RegExp;
  readonly break: string;
  readonly mend: string;
  /** `fail`, and kept as the check's recording, where absent. */
  readonly only?: 'fail' | 'warn';
}
const shifted = (by: string): string =>
  `printf '#!/bin/sh\\nexec /usr/bin/date -d "${by}" "$@"\\n' >/usr/local/bin/date; chmod 755 /usr/local/bin/date`;
const roomy = 'umount /var/lib/fabric';
const crowded = (left: string): string =>
  `cp -a /var/lib/fabric /root/state; mount -t tmpfs -o size=300m,mode=700 fabric-lab /var/lib/fabric; cp -a /root/state/. /var/lib/fabric/; rm -r /root/state; fallocate -l ${left} /var/lib/fabric/ballast`;

const breakages: readonly (readonly [string, Breakage])[] = [
  [
    'the tag names another image than the one that runs',
    {
      check: 'litellm/image-moved',
      saw: /litellm:v1\.109\.1 names [0-9a-f]{12} since it was pulled or tagged again; the container runs [0-9a-f]{12}/,
      // The rest of the layers is the same: what counts is that the name leads elsewhere.
      break: `podman commit -q litellm ${IMAGE} >/dev/null`,
      mend: `podman untag ${IMAGE}; podman image prune -f >/dev/null`,
    },
  ],
  [
    // A container has its host's clock, and moving this machine's would harm others: `date` on the host tells another time. By more than the
    // limits: what passes between question and answer is not counted.
    'the clock ahead by ten minutes',
    {
      check: 'host/clock',
      saw: /akira is (5\d\d|600) s ahead of this machine/,
      break: shifted('10 minutes'),
      mend: 'rm /usr/local/bin/date',
    },
  ],
  [
    'the clock behind by fifty seconds',
    {
      check: 'host/clock',
      only: 'warn',
      saw: /akira is ([1-4]?\d|50) s behind/,
      break: shifted('-50 seconds'),
      mend: 'rm /usr/local/bin/date',
    },
  ],
  [
    'the disk full where the releases are',
    { check: 'host/disk', saw: /\d MiB of 300 MiB .*are free on \/var\/lib\/fabric/, break: crowded('292m'), mend: roomy },
  ],
  [
    'the disk nearly full where the releases are',
    { check: 'host/disk', only: 'warn', saw: /\d\d MiB of 300 MiB/, break: crowded('250m'), mend: roomy },
  ],
  [
    'the front leads nowhere',
    {
      check: 'litellm/front',
      subject: NAME,
      saw: /\/health\/liveliness: HTTP 502: Bad Gateway/,
      break: 'front good 4001',
      mend: 'front good 4000',
    },
  ],
  [
    'the certificate ended',
    {
      check: 'litellm/front-certificate',
      subject: NAME,
      saw: /certificate has expired; it is for llm\.lab\.example, and it ended 2 days ago/,
      break: 'front ended 4000',
      mend: 'front good 4000',
    },
  ],
  [
    'the certificate of another name',
    {
      check: 'litellm/front-certificate',
      subject: NAME,
      only: 'fail',
      saw: /no alternative certificate subject name matches.*; it is for other\.lab\.example/,
      break: 'front other 4000',
      mend: 'front good 4000',
    },
  ],
  [
    'an authority that the host does not trust',
    {
      check: 'litellm/front-certificate',
      subject: NAME,
      only: 'fail',
      saw: /unable to get local issuer certificate/,
      break: 'rm /usr/local/share/ca-certificates/lab.crt; update-ca-certificates --fresh >/dev/null 2>&1',
      mend: 'cp /root/tls/ca.crt /usr/local/share/ca-certificates/lab.crt; update-ca-certificates >/dev/null 2>&1',
    },
  ],
  [
    'the certificate about to end',
    {
      check: 'litellm/front-certificate',
      subject: NAME,
      only: 'fail',
      saw: /it ends in 4 days/,
      break: 'front ending 4000',
      mend: 'front good 4000',
    },
  ],
  [
    'the renewal overdue',
    {
      check: 'litellm/front-certificate',
      subject: NAME,
      only: 'warn',
      saw: /it ends in 14 days/,
      break: 'front overdue 4000',
      mend: 'front good 4000',
    },
  ],
];

const inCi = breakages.filter(isFirst);
test.each(inCi)('%s', broken);
test.each(breakages.filter((one) => !inCi.includes(one)))('%s', { tags: 'thorough' }, broken);

async function broken(_: string, { check, subject = 'akira', saw, break: doBreak, mend, only }: Breakage): Promise<void> {
  const folder = `${check.replace('/', '-')}-${only ?? 'kept'}`;
  const id = `${check}@${subject}`;
  await it.root(doBreak);
  try {
    const { code, out, err } = await validate(YAML, folder);
    const status = only ?? 'fail';
    expect([having(out, 'fail'), having(out, 'warn'), having(out, 'unknown')], err).toEqual(
      status === 'fail' ? [[id], [], []] : [[], [id], []],
    );
    expect(findingsOf(out, id)).toMatch(saw);
    expect(code).toBe(status === 'fail' ? 1 : 0);
    if (only === undefined) keepFixture(check, 'before', YAML, join(it.dir, folder));
  } finally {
    await it.root(mend); // the next one would see what this leaves broken
  }
}

test('healed: every check passes', async () => {
  const { out } = await validate(YAML, 'again');
  expect(having(out, 'pass').length).toBe(JSON.parse(out).results.length);
});

// The real LiteLLM 1.83.13 runs, in the lab's image: its own package from PyPI and the mcp that it was made for, the other packages as
// they are there. Only when fixtures are recorded: it fetches 17 MB and restarts LiteLLM twice.
const OLD = 'ghcr.io/berriai/litellm:v1.83.13';
if (RECORDING)
  test('LiteLLM of before the mending; a deployment to it is not taken back for that', async () => {
    const wheels = join(it.dir, 'wheels');
    await execa('python3', [
      ...'-m pip download --quiet --disable-pip-version-check --no-deps --python-version 3.13 --only-binary=:all: -d'.split(' '),
      ...[wheels, 'litellm==1.83.13', 'mcp==1.26.0'],
    ]);
    await it.root('mkdir /root/wheels');
    const files = readdirSync(wheels).map((name) => join(wheels, name));
    await it.verb('exec', 'ops', 'scp', '-q', '-F', join(it.dir, 'ssh_config'), ...files, 'root@100.64.0.14:/root/wheels/');
    await it.root(`set -e
podman create --name old --user 0 -v /root/wheels:/wheels:ro --entrypoint python3 ${IMAGE} -c "
import glob, os, shutil, zipfile
site = '/usr/local/lib/python3.13/dist-packages/'
for there in glob.glob(site + 'litellm*') + glob.glob(site + 'mcp*'): shutil.rmtree(there)
for wheel in os.listdir('/wheels'): zipfile.ZipFile('/wheels/' + wheel).extractall(site)
open('/usr/local/bin/litellm', 'w').write('#!/usr/bin/python3\\nimport sys\\nfrom litellm import run_server\\nsys.exit(run_server())\\n')
" >/dev/null
podman start -a old
podman commit -q --change 'USER 65532:65532' --change 'ENTRYPOINT ["/app/docker/prod_entrypoint.sh"]' --change 'CMD ["--port","4000"]' old ${OLD} >/dev/null
podman rm old >/dev/null`);
    const yaml = fabricYaml({ litellm: FRONT, image: OLD });
    const deployed = await it.fabric(yaml, ['deploy', 'litellm', '--yes']);
    expect(deployed.code, deployed.err).toBe(0);
    const { code, out } = await validate(yaml, 'litellm-version');
    expect([having(out, 'fail'), having(out, 'warn')]).toEqual([['litellm/version@akira'], []]);
    expect(findingsOf(out, 'litellm/version@akira')).toMatch(/^LiteLLM 1\.83\.13: CVE-2026-49468 .*, fixed in 1\.84\.0\n/);
    expect(code).toBe(1);
    keepFixture('litellm/version', 'before', yaml, join(it.dir, 'litellm-version'));
  });
