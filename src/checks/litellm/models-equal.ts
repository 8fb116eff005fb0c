import { defineCheck, type Finding, type Fix, resultId } from '../../check.ts';
import { isLost } from '../../evidence.ts';
import { modelsAddedInUi, servedModels } from '../../probes/litellm.ts';
import { onHost } from '../../reproduce.ts';
import { baseUrl, declaredModels, envPath } from '../../services/litellm.ts';
import liveliness from './liveliness.ts';

export default defineCheck({
  id: 'litellm/models-equal',
  title: 'LiteLLM serves exactly the declared models',
  story:
    'LiteLLM does not reload its config: a model that was added to the file is missing until a restart. An entry that it finds invalid can be dropped in silence, ' +
    'and models added in the admin UI live in the database, where no file shows them.',
  decides:
    'The names in /v1/models against those of fabric.yaml, both ways. A name too many that the database holds (/model/info) is a warning, all else a failure.',
  sources: ['measured: db_model in /model/info of LiteLLM 1.109.1'],
  each: (fabric) => {
    const { host, masterKey } = fabric.litellm;
    const served = servedModels(fabric);
    const fromUi = modelsAddedInUi(fabric);
    return [
      {
        subject: host,
        needs: [served, fromUi],
        blockedBy: [resultId(liveliness, host)],
        judge: ({ know, maybe }) => {
          const declared = declaredModels(fabric.litellm);
          const seen = know(served);
          const ui = maybe(fromUi);
          const missing = declared.filter((one) => !seen.includes(one));
          const extra = seen.filter((one) => !declared.includes(one));
          const added = isLost(ui) ? [] : extra.filter((one) => ui.includes(one));
          const unknown = extra.filter((one) => !added.includes(one));
          const header =
            masterKey === null ? '' : `-H "Authorization: Bearer $(sudo sed -n s/^${masterKey}=//p ${envPath(fabric.litellm)})" `;
          const reproduce = onHost(fabric, host, `curl -s ${header}${baseUrl(fabric.litellm)}/v1/models`);
          const finding = (severity: Finding['severity'], saw: string, advice: string, fix?: Fix): Finding => ({
            severity,
            saw,
            want: `${declared.length} models: ${declared.join(', ')}`,
            advice,
            ...(fix === undefined ? {} : { fix }),
            reproduce,
          });
          return [
            ...(missing.length > 0
              ? [
                  finding(
                    'fail',
                    `missing: ${missing.join(', ')}`,
                    'Run `fabric deploy litellm`; if the file is as declared, restart the unit (LiteLLM does not reload) and read its log.',
                    'deploy',
                  ),
                ]
              : []),
            ...(added.length > 0
              ? [finding('warn', `added in the UI: ${added.join(', ')}`, 'Declare them in fabric.yaml, or remove them in the UI.')]
              : []),
            ...(unknown.length > 0
              ? [finding('fail', `not declared: ${unknown.join(', ')}`, 'Declare them in fabric.yaml, or deploy to remove them.', 'deploy')]
              : []),
          ];
        },
      },
    ];
  },
});
