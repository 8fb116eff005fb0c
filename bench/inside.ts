// What the figures need of fabric's own modules. Bundled and run by bench/run.js, where the operator stands.
//   probes FILE    one line a question of `fabric validate`: KEY, and the script that asks it alone, in base64
//   dns FILE       asks this machine's questions of DNS: 6 names, 2 resolvers (127.77.0.1 and .2), 3 types; and the slowest of them alone
//   collect FILE   asks each host of the file two small questions, all hosts at once; exits 1 where one does not answer
import { readFileSync } from 'node:fs';
import { checks } from '../src/checks/index.ts';
import { facts, isLost, type Probe, type RecordType, succeeded } from '../src/evidence.ts';
import { needsOf } from '../src/examine.ts';
import { parse } from '../src/fabric/parse.ts';
import { byWay, collect, questionsOf } from '../src/hosts/collect.ts';
import { type Connector, connect } from '../src/hosts/connector.ts';
import { dnsReply, type Reply, TYPES } from '../src/probes/dns.ts';
import { spell } from '../src/secret.ts';
import { runKey } from '../src/secrets/fetch.ts';
import { encodeScript } from '../src/wire.ts';

const [verb, file = ''] = process.argv.slice(2);
const parsed = parse(readFileSync(file, 'utf8'), file);
if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
const { fabric } = parsed;
const keyring = runKey();

if (verb === 'probes') {
  for (const [at, questions] of questionsOf(needsOf(fabric, checks, { smoke: false })))
    for (const [key, question] of byWay(questions).scripts) {
      const script = encodeScript(at, new Map([[key, question]]), (content) => spell(content, keyring));
      console.log(`${key} ${Buffer.from(script).toString('base64')}`);
    }
}

if (verb === 'dns') {
  const ask = (names: number, servers: readonly string[], types: readonly RecordType[]): readonly Probe<Reply>[] =>
    Array.from({ length: names }, (_, n) => `name${n}.example.net`).flatMap((name) =>
      servers.flatMap((server) => types.map((type) => dnsReply({ at: 'here', server, name, type, transport: 'udp' }))),
    );
  const nobody = async (): Promise<Connector> => {
    throw new Error('no shell is needed');
  };
  const took = async (probes: readonly Probe<Reply>[]): Promise<number> => {
    const start = performance.now();
    const evidence = await collect(probes, { fabric, keyring, now: () => 0, connector: nobody });
    const { know } = facts(evidence, probes);
    if (!probes.every((probe) => know(probe).is === 'answer')) throw new Error('a question was not answered');
    return performance.now() - start;
  };
  await took(ask(1, ['127.77.0.1'], ['A'])); // the client is loaded
  console.log(
    JSON.stringify({ one: await took(ask(1, ['127.77.0.2'], ['A'])), all: await took(ask(6, ['127.77.0.1', '127.77.0.2'], TYPES)) }),
  );
}

if (verb === 'collect') {
  const probes = [...fabric.hosts.keys()].flatMap((at): readonly Probe<unknown>[] => [
    { key: 'system', question: { at, via: 'sh', script: 'uname -s' }, read: succeeded },
    {
      key: 'reaches',
      question: { at, via: 'sh', script: 'curl -q -s --noproxy "*" -m 5 -o /dev/null http://100.64.0.14:4000/health/liveliness' },
      read: succeeded,
    },
  ]);
  const connectors: Promise<Connector>[] = [];
  const evidence = await collect(probes, {
    fabric,
    keyring,
    now: () => Math.floor(Date.now() / 1000),
    connector: (at) => {
      const host = fabric.hosts.get(at);
      if (host === undefined) throw new Error(`no host ${at}`);
      const connector = connect(host);
      connectors.push(connector);
      return connector;
    },
  });
  await Promise.all(connectors.map(async (one) => (await one).close()));
  const wrong = evidence.flatMap(({ vantage, answers }) =>
    [...answers].flatMap(([key, answer]) => (isLost(answer) || answer.code !== 0 ? [`${vantage} ${key} ${JSON.stringify(answer)}`] : [])),
  );
  if (wrong.length > 0) {
    console.error(wrong.join('\n'));
    process.exitCode = 1;
  }
}
