// `make demo`: the tour, against a simulated host, with fabric's real commands: the main job, then the incidents that fabric was made from.
// Ends with 0 when each did what it should.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { type Host, startHost } from './host.ts';
import { n8nRunbook, UNTIL_N8N, VISIT } from './n8n.ts';
import { poller, runbook, UNTIL_ALIVE } from './runbook.ts';
import { headscaleRunbook, REX_33 } from './tailnet.ts';

const FABRIC = join(import.meta.dirname, '../../bin/fabric.js');
const KEY = `sk-demo-${randomBytes(12).toString('hex')}`;
const OPENROUTER_KEY = `sk-or-demo-${randomBytes(12).toString('hex')}`;
/** What a runbook's LiteLLM has against it. */
const RED = [
  'litellm/unit-active',
  'litellm/models-equal',
  'litellm/tailnet-admitted',
  'litellm/config-drift',
  'litellm/env-private',
  'litellm/exposure',
  'litellm/env-complete',
];

/** What happened to it later. */
const INCIDENTS = ['litellm/config-drift', 'litellm/openrouter-max-tokens', 'litellm/paid-health-checks', 'n8n/proxy-hops'];

const terminal = process.stdout.isTTY && !process.env['NO_COLOR'];
const say = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};
const bold = (text: string): string => (terminal ? `\u001b[1m${text}\u001b[0m` : text);

/** Ends the command that runs. */
let end = (): void => {};
let close = async (): Promise<void> => {};
let interrupted = false;
const onSignal = (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void => {
  if (interrupted) return;
  interrupted = true;
  process.stderr.write('\ninterrupted: cleaning up\n');
  end();
  void close().finally(() => process.exit(128 + constants.signals[signal]));
};
process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal);
// Nobody reads on: `make demo | head`.
process.stdout.on('error', () => onSignal('SIGTERM'));

/** Whoever cleans up ends the process too: nothing else is said or started meanwhile. */
const unlessInterrupted = async (): Promise<void> => {
  if (interrupted) await new Promise(() => {});
};

class Unexpected extends Error {}
const expected = (holds: boolean, what: string): void => {
  if (!holds) throw new Unexpected(what);
};

/** Shows a command, runs it, and prints what it says: all of it as it comes, or in the end what `shown` picks. */
const fabric = async (
  folder: string,
  args: readonly string[],
  shown?: (out: string) => string,
): Promise<{ readonly code: number; readonly out: string }> => {
  say(`\n${bold(`$ fabric ${args.map((arg) => (/\s/.test(arg) ? `'${arg}'` : arg)).join(' ')}`)}`);
  const child = spawn(process.execPath, [FABRIC, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true, // a Ctrl-C is for the demo, which ends all of it
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      TERM: process.env['TERM'],
      LITELLM_MASTER_KEY: KEY,
      OPENROUTER_API_KEY: OPENROUTER_KEY,
      ...(terminal ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }),
    },
  });
  end = () => {
    child.kill('SIGKILL');
  };
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    out += chunk;
    if (shown === undefined) process.stdout.write(chunk);
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exit) => resolve(exit ?? 137));
  });
  end = () => {};
  await unlessInterrupted();
  if (shown !== undefined) process.stdout.write(shown(out));
  if (code !== 0) say(`(exit ${code})`);
  return { code, out: out.replace(/\u001b\[\d*m/g, '') };
};

const yaml = ({ user, port, hostKey, identity }: Host['login']): string => `hosts:
  akira:
    address: 127.0.0.1
    port: ${port}
    user: ${user}
    client: ssh2 # no ssh is needed on this machine
    hostKey: "${hostKey}"
    identity: ${identity}
litellm:
  host: akira
  image: ghcr.io/berriai/litellm:v1.109.1
  secrets:
    LITELLM_MASTER_KEY: env:LITELLM_MASTER_KEY
    OPENROUTER_API_KEY: env:OPENROUTER_API_KEY
  backends:
    vllm:
      kind: vllm
      url: http://127.0.0.1:8000
      models:
        - id: qwen2.5-7b
          alias: akira/qwen2.5-7b
          context: 32768
    wintermute: # another machine of the tailnet, by its name
      kind: ollama
      url: http://wintermute:11434
      models:
        - id: llama3:8b
          alias: wintermute/llama3
    openrouter:
      kind: openrouter
      url: http://openrouter:8090 # a stand-in
      key: OPENROUTER_API_KEY
      models:
        - id: anthropic/claude-sonnet-4.5
          alias: claude
  aliases:
    default: akira/qwen2.5-7b
n8n:
  host: akira
  container: n8n
  unit: n8n.service
  env_file: /opt/n8n/.env
  url: https://n8n.example.net
  proxies: [nginx]
dns:
  names:
    mayi.example.net: { inside: 100.64.0.14, outside: 203.0.113.14 }
  from: [akira]
  headscale:
    host: akira
    unit: headscale.service
`;

/** What an explanation says before a heading, or from it on. */
const upTo =
  (heading: string) =>
  (out: string): string =>
    out.slice(0, Math.max(out.indexOf(heading), 0));
const from =
  (heading: string) =>
  (out: string): string =>
    out.slice(Math.max(out.indexOf(heading), 0));

/** Red in a report, by check, each once and in order. */
const red = (out: string): string => [...new Set([...out.matchAll(/^✗ (\S+)@/gm)].map(([, id]) => id ?? ''))].sort().join(' ');

/** Root's shell: what befell REX-36, REX-37 and REX-38, each as its post-mortem has it. */
const incidents = `set -e
# Somebody watches LiteLLM by a timer that asks /health.
${poller(KEY)}
# Somebody takes max_tokens out of config.yaml by hand, and a client asks for a completion.
sed -i '/max_tokens/d' /flux/apps/litellm/config.yaml; systemctl restart litellm
${UNTIL_ALIVE.replace('exit 0', 'break').replace('; exit 1', '')}
curl -s -o /dev/null -H 'Authorization: Bearer ${KEY}' -H 'Content-Type: application/json' -d '{"model":"claude","messages":[]}' http://127.0.0.1:4000/v1/chat/completions
# n8n is set up anew, and N8N_PROXY_HOPS is forgotten.
sed -i '/N8N_PROXY_HOPS/d' /opt/n8n/.env; systemctl restart n8n
${UNTIL_N8N}
${VISIT}`;

const demo = async (): Promise<void> => {
  const started = Date.now();
  const host = await startHost({
    names: new Map([
      ['wintermute', '100.64.0.20'],
      ['openrouter', '100.64.0.20'],
    ]),
    tailnet: true,
    beginning: (how) => {
      close = how;
    },
  });
  say(bold('# A homelab inside this one process; nothing of your machine is changed'));
  say(
    'simulated  sudo, systemd, podman, firewalld and the network of a host called akira; LiteLLM, n8n, nginx and the models are stand-ins',
  );
  say('real       fabric, its SSH connection, the scripts it sends (your own sh runs them), files, HTTP and DNS: on 127.0.0.1 alone');
  say('           `sudo make lab-demo` shows it on a real host, with the real LiteLLM (Debian or Ubuntu)');

  const asRoot = async (script: string, what: string): Promise<void> => {
    const { code, err } = await host.run('sh -s', script, 'root');
    await unlessInterrupted();
    expected(code === 0, `${what}, and the simulated host says: ${err}`);
  };
  const hops = 'echo N8N_PROXY_HOPS=1 >>/opt/n8n/.env; systemctl restart n8n';
  await asRoot(
    `${runbook(KEY)}\n${headscaleRunbook}\n${n8nRunbook()}\n${hops}\n${UNTIL_N8N}\n${UNTIL_ALIVE}`,
    'the simulated host to get ready',
  );
  const folder = join(host.scratch, 'operator');
  mkdirSync(folder);
  writeFileSync(join(folder, 'fabric.yaml'), yaml(host.login));
  say(`\n${bold('$ cat fabric.yaml')}`);
  process.stdout.write(yaml(host.login));

  say(`\n${bold('# 1. akira runs LiteLLM, set up by hand from a runbook. Is it as declared?')}`);
  const before = await fabric(folder, ['validate']);
  expected(before.code === 1 && red(before.out) === RED.toSorted().join(' '), `red for ${RED.join(', ')}`);

  say(`\n${bold('# 2. What would fabric change? Nothing is touched yet.')}`);
  const plan = await fabric(folder, ['deploy', 'litellm', '--dry-run']);
  expected(plan.code === 0 && plan.out.includes('Plan to deploy LiteLLM on akira'), 'a plan');

  say(`\n${bold('# 3. Do it: that plan, a gate that decides whether it stays, and the way back if it does not.')}`);
  const done = await fabric(
    folder,
    ['deploy', 'litellm', '--yes'],
    (out) => `\n${out.slice(Math.max(out.indexOf('LiteLLM is deployed'), 0))}`,
  );
  expected(done.code === 0 && done.out.includes('LiteLLM is deployed on akira: release 1'), 'a deployment');

  say(`\n${bold('# 4. And now? Once more: what is so already is left alone.')}`);
  const green = await fabric(folder, ['validate']);
  expected(green.code === 0 && /^\d+ pass$/m.test(green.out), 'green');
  const again = await fabric(folder, ['deploy', 'litellm', '--yes']);
  expected(again.code === 0 && again.out.includes('akira: nothing to change'), 'nothing to change');

  say(
    `\n${bold('# 5. Time passes. A timer asks LiteLLM how it is, somebody edits config.yaml by hand, n8n is set up anew: three post-mortems.')}`,
  );
  await asRoot(incidents, 'the incidents to happen');
  const ill = await fabric(folder, ['doctor']);
  expected(ill.code === 1 && red(ill.out) === INCIDENTS.join(' '), `red for ${INCIDENTS.join(', ')}`);

  say(`\n${bold('# 6. What does somebody know about that? Paste the error.')}`);
  const known = await fabric(folder, ['explain', '402 This request requires more credits, or fewer max_tokens']);
  expected(known.code === 0 && known.out.startsWith('REX-37'), 'REX-37');

  say(
    `\n${bold('# 7. One plan for all that needs no judgement of yours, gated by the same checks, with a way back (fabric fix --undo).')}`,
  );
  const fixed = await fabric(folder, ['fix', '--all', '--yes']);
  expected(fixed.code === 0 && fixed.out.includes('Plan to fix this on akira'), 'a fix');

  say(`\n${bold('# 8. And now?')}`);
  const well = await fabric(folder, ['doctor']);
  expected(well.code === 0 && /^\d+ pass$/m.test(well.out), 'green');
  say(`\n${bold('# 9. Somebody tidies Headscale up, and a name of the tailnet leads to the internet: layer by layer.')}`);
  await asRoot(REX_33, 'Headscale to be tidied up');
  const astray = await fabric(folder, ['doctor', 'dns']);
  expected(astray.code === 1 && red(astray.out) === 'dns/covered', 'red for dns/covered');
  expected(/✖ applications on akira +203\.0\.113\.14 {2}← diverges here first/.test(astray.out), 'the layer that diverges');
  const routed = await fabric(folder, ['fix', 'REX-33', '--yes']);
  expected(
    /^split: clients ask the tailnet for mayi\.example\.net[\s\S]*^fabric deploy dns --remedy override: /m.test(routed.out),
    'both ways',
  );
  expected(routed.code === 0 && routed.out.includes('"mayi.example.net": []'), 'a route for that name');
  const found = await fabric(folder, ['doctor', 'dns', 'mayi.example.net']);
  expected(found.code === 0, 'the name where it belongs');

  say(
    `\n${bold('# 10. Two more need Docker, Caddy and a VPN, which are not simulated: what a lab host told of them, recorded, is judged again.')}`,
  );
  const loop = await fabric(folder, ['explain', 'Error: /etc/caddy/Caddyfile:35: unrecognized directive: 200'], upTo('\nremedy'));
  expected(loop.code === 0 && loop.out.startsWith('REX-35'), 'REX-35');
  await fabric(folder, ['explain', 'caddy/caddyfile'], from('its incident, replayed'));
  const vpn = await fabric(folder, ['explain', 'REX-34'], upTo('\nremedy'));
  expected(vpn.code === 0 && vpn.out.startsWith('REX-34'), 'REX-34');
  const hole = await fabric(folder, ['explain', 'caddy/keeps-out'], from('its incident, replayed'));
  expected(hole.out.includes('✗ caddy/keeps-out@gaijin') && hole.out.includes('✓ after: passes'), 'the hole, and the healthy host');
  say(`\n${bold(`# Done in ${((Date.now() - started) / 1000).toFixed(1)} s; all of it is cleared away. Your own host: README.md.`)}`);
};

await demo().catch(async (error: unknown) => {
  await unlessInterrupted();
  process.stderr.write(error instanceof Unexpected ? `\ndemo: expected ${error.message}\n` : `\ndemo: ${String(error)}\n`);
  process.exitCode = 1;
});
await close();
