/** The command line is wrong. The message is one line that names the option and what was expected. */
export class UsageError extends Error {
  readonly code = 'UsageError';
  override readonly name = 'UsageError';
}
