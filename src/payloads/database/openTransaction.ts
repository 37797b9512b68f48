/** A transaction that was open at the start of the run is still open, so a payload older than the cutoff may yet get its row. */
export class OpenTransaction extends Error {
  readonly code = 'open-transaction';
  override readonly name = 'OpenTransaction';
  /** @param transactions virtual ids with who holds them or, of prepared ones, their global ids */
  constructor(
    readonly state: 'running' | 'prepared',
    readonly transactions: readonly string[],
  ) {
    super(`Transactions that are ${state} do not end: ${transactions.join('; ')}`);
  }
}
