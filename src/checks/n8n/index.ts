import type { Check } from '../../check.ts';
import alive from './alive.ts';
import proxyHops from './proxy-hops.ts';
import urls from './urls.ts';

/** An n8n that fabric looks after and does not deploy. */
export const n8n: readonly Check[] = [alive, proxyHops, urls];
