// The figures of bench/README.md, on real hosts of the lab (root, Debian). Everything that is compared runs in one run, in turns.
//   node bench/run.js [help] [dns] [validate] [deploy] [hosts]     all of them when none is named; prints Markdown on stdout
//   ROUNDS=3 …                                               fewer rounds: to see that it works, not for figures
import { createSocket } from 'node:dgram';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa, execaSync } from 'execa';
import { build } from 'rolldown';

const ROOT = join(import.meta.dirname, '..');
const LAB = join(ROOT, 'test/lab/lab');
const FABRIC = join(ROOT, 'bin/fabric.js');
const NET = 'fbench';
const AKIRA = '100.64.0.14';
const KEY = 'sk-bench-0123456789abcdef';
const asked = process.argv.slice(2);
const wanted = (section) => asked.length === 0 || asked.includes(section);
const rounds = (usual) => Number(process.env.ROUNDS ?? usual);

const dir = mkdtempSync(join(tmpdir(), 'fb-')); // short: sockets of ssh live below it
const env = {
  ...process.env,
  LAB_NET: NET,
  PATH: `${dir}/bin:${process.env.PATH}`,
  HOME: dir,
  XDG_RUNTIME_DIR: '',
  LITELLM_MASTER_KEY: KEY,
  NO_COLOR: '1',
};

/** Runs a program; throws where it fails. */
const must = async (file, args, more = {}) => (await execa(file, args, { env, stdin: 'ignore', ...more })).stdout;
const lab = (...args) => must(LAB, args);
const root = (script) => must(LAB, ['ssh', 'akira', 'sh', '-s'], { stdin: undefined, input: script });
const inClient = (client, file, args, more = {}) => must('ip', ['netns', 'exec', `${NET}-${client}`, file, ...args], more);

const sorted = (list) => list.toSorted((a, b) => a - b);
const quantile = (list, q) => sorted(list)[Math.min(list.length - 1, Math.floor(q * list.length))];
const median = (list) => quantile(list, 0.5);
const ms = (value) =>
  value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : value < 100 ? `${value.toFixed(1)} ms` : `${value.toFixed(0)} ms`;

/** Each once to warm up, then in turns: A B C A B C … Milliseconds by name. */
const inTurns = async (times, commands) => {
  const took = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let round = -1; round < times; round += 1)
    for (const [name, run] of Object.entries(commands)) {
      const start = performance.now();
      await run();
      if (round >= 0) took[name].push(performance.now() - start);
    }
  process.stderr.write(`${Object.keys(commands).join(', ')}: ${times} rounds, load ${loadavg()[0].toFixed(1)}\n`);
  return took;
};

const table = (head, rows) => [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
const spread = (name, list) => [name, ms(median(list)), `${ms(quantile(list, 0.1))} - ${ms(quantile(list, 0.9))}`, String(list.length)];
const SPREAD = ['', 'median', 'p10 - p90', 'runs'];
const verdict = (holds) => (holds ? 'held' : '**missed**');
const out = [];
const say = (...blocks) => out.push(...blocks);

const help = async () => {
  const node = process.execPath;
  const took = await inTurns(rounds(60), {
    '`node -e 0`': () => must(node, ['-e', '0']),
    '`fabric --help`': () => must(node, [FABRIC, '--help']),
  });
  const [bare, ours] = Object.values(took).map(median);
  say(
    '## `fabric --help`',
    table(
      SPREAD,
      Object.entries(took).map(([name, list]) => spread(name, list)),
    ),
    `Ratio ${(ours / bare).toFixed(2)}; aim ≤ 1.5: ${verdict(ours / bare <= 1.5)}.`,
  );
};

const yaml = (hosts) => `hosts:
${hosts.map(([name, address]) => `  ${name}:\n    address: ${address}\n    user: ops\n`).join('')}litellm:
  host: akira
  image: ghcr.io/berriai/litellm:v1.109.1
  secrets:
    LITELLM_MASTER_KEY: env:LITELLM_MASTER_KEY
  backends:
    vllm:
      kind: vllm
      url: http://127.0.0.1:8000
      models:
        - id: qwen2.5-7b
          alias: akira/qwen2.5-7b
          context: 32768
  aliases:
    default: akira/qwen2.5-7b
`;
/** A fabric.yaml with akira and as many more of its addresses as make `count` hosts. */
const file = (count) => {
  const path = join(dir, `${count}.yaml`);
  const more = Array.from({ length: count - 1 }, (_, n) => [`h${n + 1}`, `100.64.1.${n + 1}`]);
  writeFileSync(path, yaml([['akira', AKIRA], ...more]));
  return path;
};
const fabric = (client, ...args) => inClient(client, process.execPath, [FABRIC, ...args, '--config', file(1)]);
const ssh = (client, address = AKIRA) => inClient(client, 'ssh', ['-o', 'BatchMode=yes', `ops@${address}`, 'true']);

/** A DNS server on loopback that lets every question wait. */
const slowDns = (address, milliseconds) =>
  new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.on('error', reject);
    socket.on('message', (query, from) => {
      const reply = Buffer.from(query);
      reply[2] |= 0x80; // an answer, with nothing in it
      setTimeout(() => socket.send(reply, from.port, from.address), milliseconds);
    });
    socket.bind(53, address, () => resolve(socket));
  });
const dns = async (inside) => {
  const sockets = [await slowDns('127.77.0.1', 20), await slowDns('127.77.0.2', 100)];
  const took = { 'the slowest question alone': [], '36 questions at once': [] };
  for (let round = 0; round < rounds(20); round += 1) {
    const { one, all } = JSON.parse(await must(process.execPath, [inside, 'dns', file(1)]));
    took['the slowest question alone'].push(one);
    took['36 questions at once'].push(all);
  }
  for (const socket of sockets) socket.close();
  const [one, all] = Object.values(took).map(median);
  say(
    '## DNS: 6 names, 2 resolvers, 3 types',
    table(
      SPREAD,
      Object.entries(took).map(([name, list]) => spread(name, list)),
    ),
    `One resolver answers after 20 ms, the other after 100. Ratio ${(all / one).toFixed(2)}; aim ≤ 1.5, for one round trip and the slowest answer: ${verdict(all / one <= 1.5)}.`,
  );
};

const lab_ = async () => {
  await must(join(ROOT, 'test/lab/build.sh'), [], { stdout: ['pipe', process.stderr] });
  await execa(LAB, ['net-down'], { env, reject: false });
  await lab('net-up');
  await lab('client', 'ops', '100.64.0.5/10', 'ts');
  await lab('up', 'akira', AKIRA, '203.0.113.14');
  await lab('wait', 'akira');
  mkdirSync(join(dir, 'bin'));
  writeFileSync(join(dir, 'ssh_config'), `Host 100.64.1.*\n  HostKeyAlias ${AKIRA}\n\n${await lab('ssh-config')}`);
  writeFileSync(join(dir, 'bin/ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${dir}/ssh_config "$@"\n`, { mode: 0o755 });
  for (const name of ['sftp', 'scp'])
    writeFileSync(join(dir, 'bin', name), `#!/bin/sh\nexec /usr/bin/${name} -F ${dir}/ssh_config "$@"\n`, { mode: 0o755 });
  // VERBOSE notes each session. MaxStartups: thirty logins at once are one host's here, where they would be thirty hosts'.
  await root(
    "printf 'LogLevel VERBOSE\\nMaxStartups 100\\n' >/etc/ssh/sshd_config.d/bench.conf; systemctl reload ssh; echo 'ARGS=\"--host 127.0.0.1 --port 8000 --model qwen2.5-7b\"' >/etc/default/vllm; systemctl start vllm",
  );
  process.stderr.write('deploying LiteLLM in the lab\n');
  await fabric('ops', 'deploy', 'litellm', '--yes');
  // The distant operator: 10 ms of cable each way.
  const cable = execa('python3', [join(import.meta.dirname, 'delay.py'), NET, 'far', '100.64.0.6/10', 'ts', '10'], {
    env,
    stdout: 'pipe',
    reject: false,
  });
  await new Promise((resolve, refuse) => {
    cable.stdout.once('data', resolve);
    cable.once('exit', () => refuse(new Error('the delayed cable broke')));
  });
  return { cable }; // in an object: the process is a promise too, and would be waited for
};

const bundled = async () => {
  await build({
    input: join(import.meta.dirname, 'inside.ts'),
    platform: 'node',
    external: ['ssh2'], // asked for by no host here
    output: { dir: join(dir, 'inside'), format: 'esm', entryFileNames: 'inside.mjs' },
  });
  return join(dir, 'inside/inside.mjs');
};

/** Milliseconds that each question of validate takes on the host when it is asked alone: the median of some times. */
const probes = async (inside) => {
  const lines = (await must(process.execPath, [inside, 'probes', file(1)])).split('\n');
  const script = lines
    .map((line) => {
      const [key, text] = line.split(' ');
      return `printf %s '${text}' | base64 -d >"$d/q"; for i in 1 2 3 4 5; do a=$(date +%s%N); sh "$d/q" >/dev/null; b=$(date +%s%N); echo '${key}' $(((b - a) / 1000)); done`;
    })
    .join('\n');
  const said = await inClient('ops', 'ssh', [`ops@${AKIRA}`, 'sh', '-s'], {
    stdin: undefined,
    input: `d=$(mktemp -d); trap 'rm -rf "$d"' EXIT\n${script}\n`,
  });
  const took = new Map(lines.map((line) => [line.split(' ')[0], []]));
  for (const [key, micro] of said.split('\n').map((line) => line.split(' '))) took.get(key)?.push(Number(micro) / 1000);
  return [...took].map(([key, list]) => ({ key, took: median(list) })).sort((a, b) => b.took - a.took);
};

const validate = async (inside) => {
  const connects = await Promise.all(
    [1, 2, 3, 4, 5].map(() =>
      inClient('far', 'curl', ['-s', '-o', '/dev/null', '-w', '%{time_connect}', `http://${AKIRA}:4000/health/liveliness`]),
    ),
  );
  const rtt = ms(median(connects.map(Number)) * 1000);
  const slowest = await probes(inside);
  const took = await inTurns(rounds(15), {
    '`ssh host true`': () => ssh('ops'),
    '`fabric validate`': () => fabric('ops', 'validate'),
    '`ssh host true`, +20 ms': () => ssh('far'),
    '`fabric validate`, +20 ms': () => fabric('far', 'validate'),
  });
  const [near, ours, far, oursFar] = Object.values(took).map(median);
  const slow = slowest[0].took;
  const against = (place, login, whole) =>
    `${place}: ${ms(whole)} against 1.5 × ${ms(login)} + ${ms(slow)} = ${ms(1.5 * login + slow)}: ${verdict(whole <= 1.5 * login + slow)}.`;
  say(
    '## `fabric validate`',
    table(
      SPREAD,
      Object.entries(took).map(([name, list]) => spread(name, list)),
    ),
    `A new connection each time, the same client and key. "+20 ms": added to the round trip, 10 ms each way (a TCP connection takes ${rtt}).`,
    `The slowest of the ${slowest.length} questions, each asked alone on the host: ${slowest
      .slice(0, 5)
      .map(({ key, took: one }) => `\`${key}\` ${ms(one)}`)
      .join(
        ', ',
      )}. One after the other they take ${ms(slowest.reduce((sum, { took: one }) => sum + one, 0))}. Aim: ≤ 1.5 × \`ssh host true\` + the slowest.`,
    [against('Near', near, ours), against('+20 ms', far, oursFar)].join(' '),
  );
};

/** Sessions that sshd opened while `run` ran: exec channels, and sftp's. */
const sessions = async (run) => {
  const count = async () =>
    Number(await root('journalctl --no-pager -o cat -t sshd -t sshd-session | grep -c "Starting session: .* for ops" || true'));
  const before = await count();
  await run();
  await new Promise((resolve) => setTimeout(resolve, 500));
  return (await count()) - before;
};

const deploy = async () => {
  const files = join(dir, 'files');
  mkdirSync(files);
  writeFileSync(join(files, 'config.yaml'), `${await root('cat /flux/apps/litellm/config.yaml')}\n`);
  writeFileSync(join(files, 'litellm.container'), `${await root('cat /etc/containers/systemd/litellm.container')}\n`);
  writeFileSync(join(files, 'env.j2'), "LITELLM_MASTER_KEY={{ lookup('env', 'LITELLM_MASTER_KEY') }}\n");
  const ansible = (client, pipelining, facts) => async () => {
    const said = await inClient(
      client,
      'ansible-playbook',
      ['-i', `${AKIRA},`, '-u', 'ops', '-e', `files=${files}`, join(import.meta.dirname, 'ansible.yml')],
      { env: { ...env, ANSIBLE_PIPELINING: pipelining ? '1' : '0', ANSIBLE_GATHERING: facts ? 'implicit' : 'explicit' } },
    );
    if (!/changed=0 .*unreachable=0 .*failed=0/.test(said)) throw new Error(`ansible changed something:\n${said}`);
  };
  const ours = (client) => async () => {
    const said = await fabric(client, 'deploy', 'litellm', '--yes');
    if (said !== 'akira: nothing to change') throw new Error(`fabric changed something:\n${said}`);
  };
  const plays = {
    'ansible-playbook, as it comes': [false, true],
    'ansible-playbook, no facts': [false, false],
    'ansible-playbook, pipelining': [true, true],
    'ansible-playbook, pipelining, no facts': [true, false],
  };
  const took = await inTurns(rounds(7), {
    '`fabric deploy litellm --yes`': ours('ops'),
    ...Object.fromEntries(Object.entries(plays).map(([name, [pipelining, facts]]) => [name, ansible('ops', pipelining, facts)])),
  });
  const distant = await inTurns(rounds(5), {
    '`fabric deploy litellm --yes`, +20 ms': ours('far'),
    'ansible-playbook, pipelining, no facts, +20 ms': ansible('far', true, false),
  });
  const channels = await sessions(ours('ops'));
  const theirs = await sessions(ansible('ops', true, false));
  const plain = await sessions(ansible('ops', false, true));
  const [fabricTook, ...plays_] = Object.values(took).map(median);
  const best = Math.min(...plays_);
  const [fabricFar, bestFar] = Object.values(distant).map(median);
  say(
    '## A deployment that changes nothing',
    table(
      SPREAD,
      Object.entries({ ...took, ...distant }).map(([name, list]) => spread(name, list)),
    ),
    `Against ansible's best: ${(best / fabricTook).toFixed(1)} times as fast, +20 ms: ${(bestFar / fabricFar).toFixed(1)}; against ansible as it comes: ${((plays_[0] ?? 0) / fabricTook).toFixed(1)}. Aim ≥ 10 times: ${verdict(best / fabricTook >= 10)}.`,
    `Sessions that sshd opened (its log at VERBOSE): fabric ${channels}, ansible's best ${theirs}, ansible as it comes ${plain}. Aim ≤ 3: ${verdict(channels <= 3)}.`,
  );
};

const hosts = async (inside) => {
  const counts = [1, 10, 30];
  await root('for n in $(seq 30); do ip addr add 100.64.1.$n/10 dev tailscale0 || true; done');
  const addresses = (count) => [AKIRA, ...Array.from({ length: count - 1 }, (_, n) => `100.64.1.${n + 1}`)];
  const logins = (client, count) => () => Promise.all(addresses(count).map((address) => ssh(client, address)));
  const collect = (client, count) => () => inClient(client, process.execPath, [inside, 'collect', file(count)]);
  const rows = [];
  for (const [client, place] of [
    ['ops', ''],
    ['far', ', +20 ms'],
  ]) {
    const took = await inTurns(
      rounds(10),
      Object.fromEntries(
        counts.flatMap((count) => [
          [`ssh ${count}`, logins(client, count)],
          [`ask ${count}`, collect(client, count)],
        ]),
      ),
    );
    for (const count of counts) {
      const [login, whole] = [`ssh ${count}`, `ask ${count}`].map((name) => median(took[name]));
      rows.push([
        `${count}${place}`,
        ms(login),
        ms(whole),
        `${ms(quantile(took[`ask ${count}`], 0.1))} - ${ms(quantile(took[`ask ${count}`], 0.9))}`,
        (whole / login).toFixed(2),
        (whole / median(took['ask 1'])).toFixed(1),
        String(took[`ask ${count}`].length),
      ]);
    }
  }
  say(
    '## 1, 10 and 30 hosts',
    table(['hosts', '`ssh host true`, all at once', 'asked by fabric', 'p10 - p90', 'ratio', 'times one host', 'runs'], rows),
    `Two small questions a host (\`uname\`, and curl to LiteLLM), all hosts at once, by \`collect()\` as \`fabric validate\` uses it. The hosts are addresses of one lab host, so that its sshd and this machine's ${availableParallelism()} cores carry both ends of every connection; thirty machines would carry their own.`,
  );
};

let cable;
const clean = () => {
  cable?.kill();
  execaSync(LAB, ['net-down'], { env, reject: false });
  rmSync(dir, { recursive: true, force: true });
};
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    clean();
    process.exit(130);
  });
try {
  const before = loadavg()[0];
  if (wanted('help')) await help();
  if (wanted('dns')) await dns(await bundled());
  if (['validate', 'deploy', 'hosts'].some(wanted)) {
    ({ cable } = await lab_());
    const inside = await bundled();
    if (wanted('validate')) await validate(inside);
    if (wanted('deploy')) await deploy();
    if (wanted('hosts')) await hosts(inside);
  }
  say(
    `Measured with ${availableParallelism()} cores for both ends (client and lab host), Node ${process.versions.node}, load ${before.toFixed(1)} when it began.`,
  );
  process.stdout.write(`${out.join('\n\n')}\n`);
} finally {
  clean();
}
