import { defineCheck, type Finding } from '../../check.ts';
import { headscaleServer } from '../../probes/headscale-server.ts';
import { onHost } from '../../reproduce.ts';
import { type Switch, switchesOf } from '../../services/headscale-switches.ts';

export default defineCheck({
  id: 'dns/headscale-switches',
  rex: ['REX-33'],
  standing: true,
  title: 'Headscale’s switches of DNS are booleans',
  story:
    'YAML 1.1 took yes and on for true, and people still write them. Headscale’s parser hands them over as text, and what is no word for true is false, without a message: ' +
    '`override_local_dns: yes` turns it off.',
  decides:
    'magic_dns and override_local_dns of the file that Headscale reads. A text that is taken for the opposite of what it says is a failure; one that happens to be taken for the same, a warning.',
  sources: ['Headscale: hscontrol/types/config.go (viper.GetBool); issue 2899', 'Go: strconv.ParseBool, by which viper reads a text'],
  each: (fabric) => {
    const headscale = fabric.dns?.headscale;
    if (headscale === undefined) return [];
    const server = headscaleServer(headscale);
    return [
      {
        subject: headscale.host,
        needs: [server],
        judge: ({ know }): readonly Finding[] =>
          switchesOf(know(server).textInside).map(({ key, written, taken, meant }: Switch) => ({
            severity: meant === taken ? 'warn' : 'fail',
            saw: `dns.${key} is the text ${JSON.stringify(written)}, which Headscale takes for ${taken}`,
            want: `dns.${key}: ${meant}, a boolean of YAML`,
            fix: 'deploy dns',
            advice: `Write ${meant} without quotes, and restart Headscale.`,
            reproduce: onHost(fabric, headscale.host, `sudo grep -n ${key} ${headscale.config}`),
          })),
      },
    ];
  },
});
