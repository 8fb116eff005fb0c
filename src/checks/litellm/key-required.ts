import { defineCheck, type Finding, resultId } from '../../check.ts';
import { described, type Reached } from '../../probes/http.ts';
import { strangerAsks } from '../../probes/litellm.ts';
import { onHost } from '../../reproduce.ts';
import { baseUrl } from '../../services/litellm.ts';
import liveliness from './liveliness.ts';

export default defineCheck({
  id: 'litellm/key-required',
  title: 'Who has no key is refused',
  story:
    'A LiteLLM without a master key takes every caller for an administrator. A master_key in the wrong section of config.yaml is never read, and an os.environ/ name that is not set resolves to nothing: ' +
    'both give an open proxy without an error, so the only proof is to be refused.',
  decides:
    '/v1/models without a key, and with a wrong one: 401, 403, or 400 from versions that refuse a key’s shape. Anything else is a failure.',
  sources: ['measured: LiteLLM 1.109.1: 401 without a key, 400 with a wrong one', 'LiteLLM: issue 1851; litellm-docs 1184'],
  each: (fabric) => {
    const { host, masterKey } = fabric.litellm;
    if (masterKey === null) {
      return [
        {
          subject: host,
          needs: [],
          judge: () => [
            {
              severity: 'warn',
              saw: 'fabric.yaml says that LiteLLM goes without a master key: everyone who can connect is an administrator',
              want: 'a master key',
              advice: 'Name a secret as litellm.master_key, and run `fabric deploy litellm`.',
            },
          ],
        },
      ];
    }
    const keyless = strangerAsks(fabric, 'no key');
    const wrong = strangerAsks(fabric, 'a wrong key');
    return [
      {
        subject: host,
        needs: [keyless, wrong],
        blockedBy: [resultId(liveliness, host)],
        judge: ({ know }) =>
          [
            { who: 'no key', seen: know(keyless), header: '' },
            { who: 'a wrong key', seen: know(wrong), header: `-H 'Authorization: Bearer wrong' ` },
          ].flatMap(({ who, seen, header }): readonly Finding[] =>
            refused(seen)
              ? []
              : [
                  {
                    severity: 'fail',
                    saw: `with ${who}: ${typeof seen === 'object' && seen.status === 200 ? 'HTTP 200, let in' : described(seen)}`,
                    want: 'HTTP 401',
                    advice: 'The proxy is open to everyone who can connect. Run `fabric deploy litellm`.',
                    fix: 'deploy',
                    reproduce: onHost(fabric, host, `curl -si ${header}${baseUrl(fabric.litellm)}/v1/models`),
                  },
                ],
          ),
      },
    ];
  },
});

/** 401, and 400 from versions that reject a key's shape first. */
const refused = (seen: Reached): boolean => typeof seen === 'object' && [400, 401, 403].includes(seen.status);
