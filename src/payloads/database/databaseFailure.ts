const meanings = {
  'wrong-password': 'The database refuses the user or the password',
  'no-token': 'The password or token of the database could not be obtained',
  'unknown-database': 'The server has no database of this name',
  'no-tables': 'The schema lacks a table of a FHIR server',
  'no-rights': 'The role needs USAGE on the schema and SELECT on its tables',
  'row-security':
    'A policy of row-level security hides rows from the role, so nothing can be concluded from what is missing',
  tls: 'The connection could not be encrypted, or the certificate of the server is not accepted',
  unreachable: 'The database cannot be reached, or it ended the connection',
  'timed-out': 'The database did not answer in time',
  interrupted: 'The database gave the statement up in favour of others',
  failed: 'The database failed',
} as const;

export type DatabaseFailureCode = keyof typeof meanings;

const transient: ReadonlySet<DatabaseFailureCode> = new Set(['unreachable', 'timed-out', 'no-token', 'interrupted']);

/** A question had no answer. The message holds no password, no address and no value of a row. */
export class DatabaseFailure extends Error {
  override readonly name = 'DatabaseFailure';
  /** whether the same question may be answered later without anybody's doing */
  readonly isTransient: boolean;
  constructor(
    readonly code: DatabaseFailureCode,
    detail?: string,
    /** of the database, such as 42501 */
    readonly sqlState?: string,
  ) {
    super(detail === undefined ? meanings[code] : `${meanings[code]}: ${detail}`);
    this.isTransient = transient.has(code);
  }
}
