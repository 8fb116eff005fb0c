import type { Facts } from '../evidence.ts';
import type { Fabric } from '../fabric.ts';
import type { Machine } from '../probes/machine.ts';
import { reach } from '../services/litellm.ts';
import { earlier } from './earlier.ts';
import { questions } from './needs.ts';

/** What stands in the way of a deployment, and the command that mends it. */
export interface Obstacle {
  readonly what: string;
  readonly mend: string;
}

/** Debian's and Fedora's package of a command; the rest of the needed commands come with every system. */
const PACKAGES: ReadonlyMap<string, { readonly debian: string; readonly fedora: string }> = new Map([
  ['podman', { debian: 'podman', fedora: 'podman' }],
  ['curl', { debian: 'curl', fedora: 'curl' }],
  ['ss', { debian: 'iproute2', fedora: 'iproute' }],
  ['ip', { debian: 'iproute2', fedora: 'iproute' }],
  ['flock', { debian: 'util-linux', fedora: 'util-linux-core' }],
  ['awk', { debian: 'mawk', fedora: 'gawk' }],
  ['sha256sum', { debian: 'coreutils', fedora: 'coreutils' }],
  ['timeout', { debian: 'coreutils', fedora: 'coreutils' }],
  ['firewalld', { debian: 'firewalld', fedora: 'firewalld' }],
]);

const install = ({ like }: Machine, commands: readonly string[]): string => {
  const dnf = like.some((one) => one === 'fedora' || one === 'rhel');
  const packages = [...new Set(commands.map((command) => PACKAGES.get(command)?.[dnf ? 'fedora' : 'debian'] ?? command))].join(' ');
  if (dnf) return `sudo dnf install -y ${packages}`;
  if (like.some((one) => one === 'debian' || one === 'ubuntu')) return `sudo apt-get install -y ${packages}`;
  return `install ${packages}`;
};

/** Found before anything changes. Empty: nothing stands in the way. */
export const obstacles = (fabric: Fabric, facts: Facts): readonly Obstacle[] => {
  const { know } = facts;
  const { litellm } = fabric;
  const asked = questions(fabric);
  const host = know(asked.machine);
  if (host.missing.includes('systemctl'))
    return [{ what: `${litellm.host} has no systemd`, mend: 'deploy to a host with systemd: Quadlets need it' }];
  const found: Obstacle[] = [];
  if (host.missing.length > 0) found.push({ what: `${litellm.host} lacks ${host.missing.join(', ')}`, mend: install(host, host.missing) });
  const [major = 0, minor = 0] = host.podman;
  if (host.podman.length > 0 && (major < 4 || (major === 4 && minor < 4))) {
    found.push({ what: `${litellm.host} has podman ${host.podman.join('.')}; Quadlets need 4.4`, mend: install(host, ['podman']) });
  }
  if (found.length > 0) return found;
  const firewall = know(asked.firewall);
  const way = reach(fabric);
  const exposed = way !== 'tailnet' && way !== 'loopback';
  if (firewall.is === 'stopped' && exposed)
    found.push({ what: `firewalld on ${litellm.host} is not running`, mend: 'sudo systemctl enable --now firewalld' });
  if ((firewall.is === 'absent' || firewall.is === 'ufw') && exposed) {
    found.push({
      what: `${litellm.listen.address}:${litellm.listen.port} would be open to everyone: ${firewall.is === 'ufw' ? 'fabric does not read ufw’s rules' : `${litellm.host} has no firewalld`}`,
      mend: `${install(host, ['firewalld'])} && sudo systemctl enable --now firewalld; or set litellm.listen to the host’s tailnet address`,
    });
  }
  const state = know(asked.unit);
  if (know(asked.listeners).length > 0 && state.active !== 'active' && earlier(fabric, facts).containers.length === 0) {
    found.push({
      what: `port ${litellm.listen.port} on ${litellm.host} is taken by something that is not LiteLLM’s unit or container`,
      mend: `see what it is: sudo ss -ltnp 'sport = :${litellm.listen.port}'; stop it, or set another litellm.listen`,
    });
  }
  return found;
};
