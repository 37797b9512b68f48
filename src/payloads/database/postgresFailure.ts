import { DatabaseError } from 'pg';
import { z } from 'zod';
import { DatabaseFailure, type DatabaseFailureCode } from './databaseFailure';

/** SQLSTATE, PostgreSQL appendix A. */
const byState: ReadonlyMap<string, DatabaseFailureCode> = new Map([
  ['28P01', 'wrong-password'],
  ['28000', 'wrong-password'],
  ['3D000', 'unknown-database'],
  ['42P01', 'no-tables'],
  ['3F000', 'no-tables'],
  ['42501', 'no-rights'],
  ['57014', 'timed-out'],
  ['55P03', 'timed-out'],
  ['53300', 'unreachable'],
  // A standby ends statements that are in the way of its replay.
  ['40001', 'interrupted'],
  ['40P01', 'interrupted'],
]);

/** Connection exceptions, shutdowns and restarts: classes 08 and 57P. */
const endedConnection = /^(?:08|57P)/;

/** Codes of Node.js. */
const tlsCode = /^(?:ERR_(?:TLS|SSL)|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO)/;

/** Names of tables and schemas are told; other messages of a database may hold values. */
const tellsNamesOnly: ReadonlySet<DatabaseFailureCode> = new Set(['no-tables', 'no-rights', 'row-security']);

/** @returns what the error of the driver means; its own message goes no further unless it is known to hold names only */
export function postgresFailure(error: unknown): DatabaseFailure {
  if (error instanceof DatabaseFailure) return error;
  if (error instanceof DatabaseError) {
    const state = error.code ?? '';
    const code =
      error.routine === 'check_enable_rls'
        ? 'row-security'
        : (byState.get(state) ?? (endedConnection.test(state) ? 'unreachable' : 'failed'));
    return new DatabaseFailure(code, tellsNamesOnly.has(code) ? error.message : `SQLSTATE ${state}`, state);
  }
  const { code, message } = readNodeError(error);
  if (code !== undefined && tlsCode.test(code)) return new DatabaseFailure('tls', code);
  if (isWithoutTls(error)) return new DatabaseFailure('tls', 'the server has none');
  if (/timeout/i.test(message)) return new DatabaseFailure('timed-out');
  if (/password/i.test(message)) return new DatabaseFailure('wrong-password');
  if (code !== undefined || /connection|terminated|not queryable/i.test(message))
    return new DatabaseFailure('unreachable', code);
  return new DatabaseFailure('failed');
}

/** Whether the server said that it has no encryption at all; the driver tells so by its message only. */
export function isWithoutTls(error: unknown): boolean {
  return /does not support SSL/i.test(readNodeError(error).message);
}

const nodeError = z.object({ code: z.string().optional().catch(undefined), message: z.string().catch('') });

function readNodeError(error: unknown): z.infer<typeof nodeError> {
  const reading = nodeError.safeParse(error);
  return reading.success ? reading.data : { code: undefined, message: '' };
}
