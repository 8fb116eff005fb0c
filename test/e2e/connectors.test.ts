// The connectors' contract against a lab host's sshd, across a network, as a user who has sudo; and as one who has not.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../src/fabric.ts';
import { openssh } from '../../src/hosts/openssh.ts';
import { asRoot } from '../../src/hosts/perform.ts';
import { contract, KILL_SSHD } from '../connector-contract.ts';
import { lab } from './lab.ts';

const NET = 'fconn';
const it = lab(NET);
const path = process.env['PATH'];
const host = (user: string): Host => ({ name: 'akira', address: '100.64.0.14', user, become: 'sudo', client: 'openssh' });

beforeAll(() => {
  // This process stands outside the lab: its ssh is the operator's.
  writeFileSync(join(it.dir, 'bin/ssh'), `#!/bin/sh\nexec ip netns exec ${NET}-ops /usr/bin/ssh -F ${it.dir}/ssh_config "$@"\n`, {
    mode: 0o755,
  });
  process.env['PATH'] = `${it.dir}/bin:${path}`;
});
afterAll(() => {
  process.env['PATH'] = path;
});

contract(() => openssh(host('ops')), KILL_SSHD);

const whoami = async (user: string): Promise<string> => {
  const connector = await openssh(host(user));
  return asRoot(host(user), connector, new Map(), 'id -un').finally(() => connector.close());
};
test('sudo without a password makes root', async () => {
  expect(await whoami('ops')).toBe('root\n');
});
test('without sudo: said by sudo itself, and nothing is asked', async () => {
  await expect(whoami('nosudo')).rejects.toThrow(/akira: sudo: .*(password|not allowed)/);
});
