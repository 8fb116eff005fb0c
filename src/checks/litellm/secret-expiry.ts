import { defineCheck } from '../../check.ts';
import { dated, expiry } from '../../probes/store.ts';

const DAY = 86_400;
/** Days left from which somebody should look, and from which it is urgent. */
const [SOON, LATE] = [21, 3];

export default defineCheck({
  id: 'litellm/secret-expiry',
  title: 'No secret is about to expire in its store',
  story:
    'A store gives a secret a date, so that it is made anew in time. When nobody does, the next sync finds nothing (a version that Vault deletes) or the value goes on although its owner wanted it gone (a Key Vault only notes the date).',
  decides: `The date that Key Vault (attributes.exp) or Vault (deletion_time of the version) keeps: a warning from ${SOON} days before it, a failure from ${LATE}. Other stores keep none. The value stays in its store.`,
  sources: [
    'https://learn.microsoft.com/azure/key-vault/secrets/about-secrets',
    'https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2',
  ],
  standing: true,
  each: (fabric) =>
    [...fabric.litellm.secrets].flatMap(([name, source]) => {
      if (!dated(source)) return [];
      const left = expiry(name);
      return [
        {
          subject: name,
          needs: [left],
          judge: ({ know }) => {
            const seconds = know(left);
            if (seconds === null || seconds > SOON * DAY) return [];
            const [unit, length] = Math.abs(seconds) >= DAY ? (['day', DAY] as const) : (['hour', 3600] as const);
            const n = Math.floor(Math.abs(seconds) / length);
            const span = `${n} ${unit}${n === 1 ? '' : 's'}`;
            const sync = 'put it into the store with a later date, and run `fabric secrets sync`';
            return [
              {
                severity: seconds <= LATE * DAY ? ('fail' as const) : ('warn' as const),
                saw: `${name}: its store says that it ${seconds < 0 ? `expired ${span} ago` : `expires in ${span}`}`,
                want: `a new one before ${SOON} days are left`,
                advice:
                  name === fabric.litellm.masterKey
                    ? `\`fabric secrets rotate ${name}\` makes a new one; or make it yourself, ${sync}.`
                    : `Make a new one where it is issued, ${sync}.`,
              },
            ];
          },
        },
      ];
    }),
});
