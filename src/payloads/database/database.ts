import type { z } from 'zod';

/** A row as the driver gives it: its values are checked where they are read. */
export type Row = Readonly<Record<string, unknown>>;

/** Runs one statement that has no name: the plan of a named one becomes generic, and then slow by a factor of hundreds. */
export type RunStatement = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;

/** The database of a FHIR server, as Reconcile uses it: it is only ever read. */
export interface Database {
  /**
   * Runs the work on one connection, in one read-only transaction whose statements each see what is committed then.
   * A failure is thrown; it never reads as "no row".
   * @param statementTimeoutMs of each statement; the database's usual one is 30 s
   * @throws DatabaseFailure
   */
  readOnly<T>(work: (run: RunStatement) => Promise<T>, statementTimeoutMs?: number): Promise<T>;
  close(): Promise<void>;
}

/** @returns the name in double quotes, to be put into a statement */
export function quoteIdentifier(name: string): string {
  if (name.includes('\0')) throw new TypeError('A name in the database holds no NUL');
  return `"${name.replaceAll('"', '""')}"`;
}

/** The database did not answer in the form that the statement promises. */
export class InvalidDatabaseAnswer extends Error {
  readonly code = 'InvalidDatabaseAnswer';
  override readonly name = 'InvalidDatabaseAnswer';
}

/**
 * Reads each row by a schema.
 * @param what the question, for the message, which never holds a value of a row
 * @throws InvalidDatabaseAnswer
 */
export function readRows<T>(schema: z.ZodType<T>, rows: readonly Row[], what: string): readonly T[] {
  return rows.map((row) => {
    const reading = schema.safeParse(row);
    if (reading.success) return reading.data;
    const columns = reading.error.issues.map(({ path }) => path.join('.')).join(', ');
    throw new InvalidDatabaseAnswer(`The answer on ${what} is not of the promised form in: ${columns}`);
  });
}

/** @throws InvalidDatabaseAnswer unless there is exactly one row */
export function readRow<T>(schema: z.ZodType<T>, rows: readonly Row[], what: string): T {
  const [row, ...others] = readRows(schema, rows, what);
  if (row === undefined || others.length > 0) throw new InvalidDatabaseAnswer(`The answer on ${what} is not one row`);
  return row;
}
