/** The user pressed Ctrl-C: exit 130. */
export class Interrupted extends Error {}
