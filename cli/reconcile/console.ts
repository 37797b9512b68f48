/** Where the command line writes: what is asked for and nothing else to `print`, everything else to `tell`. */
export interface Console {
  /** a line for the operator, to stderr */
  readonly tell: (line: string) => void;
  /** a result, to stdout, as it is */
  readonly print: (text: string | Buffer) => void;
}

export const exitCodes = { clean: 0, failure: 1, usage: 2, orphans: 3, stoppedEarly: 4 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The work cannot be done. The message is one line for the operator, without a secret. */
export class CommandFailure extends Error {
  readonly code = 'CommandFailure';
  override readonly name = 'CommandFailure';
}
