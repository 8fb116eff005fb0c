import type { Check } from '../check.ts';
import { host } from './host/index.ts';
import { litellm } from './litellm/index.ts';
import { n8n } from './n8n/index.ts';
import { tailnet } from './tailnet/index.ts';

/** Every check. `validate` and the doctors are selections over this list. */
export const checks: readonly Check[] = [...litellm, ...tailnet, ...host, ...n8n];
