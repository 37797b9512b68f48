/** Derby cannot be used, or did not answer. The message is one line for the operator. */
export class DerbyFailure extends Error {
  override readonly name = 'DerbyFailure';
  constructor(
    readonly code: 'JavaMissing' | 'DerbyMissing' | 'DatabaseInUse' | 'DatabaseMissing' | 'DerbyEnded' | 'DerbyRefused',
    message: string,
  ) {
    super(message);
  }
}
