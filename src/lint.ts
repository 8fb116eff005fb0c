// What `fabric lint` says about a config.yaml of LiteLLM's. The rules are in src/lint/.

/** What LiteLLM does about it, in the order of how bad that is. */
export type Effect =
  /** It does not boot. */
  | 'refuses'
  /** It answers without a key. */
  | 'open'
  /** It boots without these models: /v1/models does not list them. */
  | 'dropped'
  /** Calls to these models fail, or go elsewhere. */
  | 'fails'
  /** It does what nobody asked for: calls of its own, another program. */
  | 'acts'
  /** It works, and it may cost. */
  | 'costs'
  /** It reads the key, and so does whoever reads the file. */
  | 'exposed'
  /** The setting does nothing. */
  | 'ignored';

export interface RuleText {
  readonly id: string;
  readonly title: string;
  /** What LiteLLM does, since and until which version, as it was seen. */
  readonly story: string;
}

export interface LintProblem {
  readonly rule: string;
  readonly severity: 'fail' | 'warn';
  readonly effect: Effect;
  readonly line: number;
  readonly column: number;
  /** `model_list[2].litellm_params.model`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong. No value of a key is in it. */
  readonly message: string;
  readonly advice: string;
  /** The names that `dropped` and `fails` are about. */
  readonly models: readonly string[];
}
