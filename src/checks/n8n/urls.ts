import { defineCheck, type Finding, resultId } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import { n8nLog, n8nProcess } from '../../probes/n8n.ts';
import { onHost } from '../../reproduce.ts';
import { editorBase, knowsWebhookUrl, sameBase, variablesCommand, webhookBase } from '../../services/n8n.ts';
import alive from './alive.ts';

export default defineCheck({
  id: 'n8n/urls',
  rex: ['REX-38'],
  title: 'n8n knows by which addresses it is reached',
  story:
    'Behind a proxy n8n cannot see its own address. Untold, it makes webhooks that begin with http://localhost:5678/, registers these with other services, and sends OAuth back to them. ' +
    'Three generations of variables say it, and the wrong one is ignored without a word: N8N_WEBHOOK_URL counts from 2.30 on and outranks WEBHOOK_URL, which is deprecated since; test webhooks and the editor do not follow the old one where N8N_EDITOR_BASE_URL is set.',
  decides:
    'The variables of the process that runs, put together as n8n’s own url.service does in that version (told by its log; the newest where it is not), against n8n.url and n8n.webhooks. Variables that n8n does not have or no longer wants are warnings.',
  sources: [
    'n8n: packages/cli/src/services/url.service.ts, packages/cli/src/deprecation/deprecation.service.ts, packages/@n8n/config/src/configs/auth.config.ts',
    'docs.n8n.io: Configure webhook URLs with reverse proxy',
    'measured: n8n 2.40.7 warns of WEBHOOK_URL at its start; read in the packages: 2.30.0 does too, 2.28.6 does not know N8N_WEBHOOK_URL (the documentation says 2.35.0)',
  ],
  each: (fabric) => {
    const { n8n } = fabric;
    if (n8n === undefined) return [];
    const [process, log] = [n8nProcess(n8n), n8nLog(n8n)];
    return [
      {
        subject: n8n.host,
        needs: [process, log],
        blockedBy: [resultId(alive, n8n.host)],
        judge: ({ know, maybe }) => {
          const running = know(process);
          const variables = running?.variables ?? null;
          if (variables === null) return [{ lost: 'unreadable', why: 'n8n does not run' }];
          const said = maybe(log);
          const version = isLost(said) ? null : (said?.version ?? null);
          const newer = knowsWebhookUrl(version);
          const name = newer ? 'N8N_WEBHOOK_URL' : 'WEBHOOK_URL';
          const [webhooks, editor] = [webhookBase(variables, version), editorBase(variables, version)];
          const [now, old] = [variables.get('N8N_WEBHOOK_URL'), variables.get('WEBHOOK_URL')];
          const reproduce = onHost(
            fabric,
            n8n.host,
            variablesCommand(n8n, '(N8N_)?WEBHOOK_URL|N8N_(EDITOR_BASE_URL|PROTOCOL|HOST|PORT|PATH|SECURE_COOKIE)', running?.by),
          );
          const finding = (severity: Finding['severity'], saw: string, want: string, advice: string): Finding => ({
            severity,
            saw,
            want,
            advice,
            reproduce,
          });
          const findings: Finding[] = [];
          if (!sameBase(webhooks, n8n.webhooks))
            findings.push(
              finding(
                'fail',
                `its webhooks begin with ${webhooks}${newer || now === undefined ? '' : `: n8n ${version} does not know N8N_WEBHOOK_URL`}`,
                `${n8n.webhooks}/`,
                `Set ${name}=${n8n.webhooks}/ and restart n8n. Webhooks that other services have registered keep the old address until their workflow is published again.`,
              ),
            );
          if (!sameBase(editor, n8n.url) && !(sameBase(editor, webhooks) && findings.length > 0))
            findings.push(
              finding(
                'fail',
                `its links and OAuth’s redirects begin with ${editor}`,
                n8n.url,
                `Set N8N_EDITOR_BASE_URL=${n8n.url} and restart n8n.`,
              ),
            );
          if (old !== undefined && now !== undefined && newer && !sameBase(old, now))
            findings.push(
              finding(
                'warn',
                `N8N_WEBHOOK_URL is ${now} and WEBHOOK_URL is ${old}: the first counts, the second says nothing`,
                'one of them',
                'Remove WEBHOOK_URL.',
              ),
            );
          else if (old !== undefined && version !== null && newer)
            findings.push(
              finding(
                'warn',
                `WEBHOOK_URL is set, which n8n ${version} calls deprecated`,
                'N8N_WEBHOOK_URL alone',
                now === undefined ? `Rename it: N8N_WEBHOOK_URL=${old}` : 'Remove WEBHOOK_URL: N8N_WEBHOOK_URL says the same.',
              ),
            );
          if (variables.has('N8N_TRUST_PROXY'))
            findings.push(
              finding(
                'warn',
                'N8N_TRUST_PROXY is set, which n8n does not have',
                'N8N_PROXY_HOPS',
                'Remove it: N8N_PROXY_HOPS is what counts.',
              ),
            );
          // Off by `false` and `0` alone; what is neither leaves the default, which is on.
          const secure = !/^(?:false|0)$/i.test(variables.get('N8N_SECURE_COOKIE') ?? 'true');
          const plain = n8n.url.startsWith('http://') && !/^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::|\/|$)/.test(n8n.url);
          if (secure && plain)
            findings.push(
              finding(
                'fail',
                `people come by ${n8n.url}, and N8N_SECURE_COOKIE is on: browsers do not send its cookie over http, so nobody can log in`,
                'https, or N8N_SECURE_COOKIE=false',
                'Put https in front. On a network that you trust with passwords: N8N_SECURE_COOKIE=false.',
              ),
            );
          if (!secure && n8n.url.startsWith('https://'))
            findings.push(
              finding(
                'warn',
                `N8N_SECURE_COOKIE is off, though people come by ${n8n.url}: the login’s cookie would travel over http too`,
                'N8N_SECURE_COOKIE on, as it is by itself',
                'Remove N8N_SECURE_COOKIE.',
              ),
            );
          return findings;
        },
      },
    ];
  },
});
