import { InvalidDatabaseAnswer } from '../../../src/payloads/database/database';

/** Derby's values arrive as texts. Each reader throws InvalidDatabaseAnswer for anything else than it promises. */

export function textOf(value: string | null | undefined): string {
  if (typeof value === 'string') return value;
  throw new InvalidDatabaseAnswer('Derby answered nothing where a text was expected');
}

export function integerOf(value: string | null | undefined): number {
  const number = /^-?\d{1,16}$/.test(value ?? '') ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new InvalidDatabaseAnswer('Derby answered something else than a whole number');
}

/** The server writes UTC into columns that have no zone; to the millisecond. */
export function instantOf(value: string | null | undefined): Date {
  const [, date, time] = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?)$/.exec(value ?? '') ?? [];
  const instant = new Date(`${date}T${time}Z`);
  if (!Number.isNaN(instant.getTime())) return instant;
  throw new InvalidDatabaseAnswer('Derby answered something else than a time');
}

/** @returns the instant as a value for such a column */
export function timestampOf(instant: Date): string {
  return instant.toISOString().replace('T', ' ').replace('Z', '');
}
