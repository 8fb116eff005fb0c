// Every rule, in the order of docs/lint.md.
import { access } from './access.ts';
import { environment } from './environment.ts';
import { health } from './health.ts';
import { keys } from './keys.ts';
import { models } from './models.ts';
import { router } from './router.ts';
import type { Rule } from './rule.ts';
import { shape } from './shape.ts';
import { yamlRules } from './yaml-rules.ts';

export const rules: readonly Rule[] = [...access, ...shape, ...yamlRules, ...keys, ...environment, ...models, ...router, ...health];
