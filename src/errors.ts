/** The user's to mend: one sentence that names the place and the cause, and the next step. Printed without a stack. */
export class Refusal extends Error {
  /** 2 usage or configuration, 3 could not reach, 4 login, 5 locked, 7 could not be taken back. */
  readonly exit: 2 | 3 | 4 | 5 | 7;
  /** One line each, in the order in which to do them. */
  readonly next: readonly string[];
  constructor(
    message: string,
    { exit = 2, next = [], cause }: { exit?: 2 | 3 | 4 | 5 | 7; next?: readonly string[]; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.exit = exit;
    this.next = next;
  }
}
