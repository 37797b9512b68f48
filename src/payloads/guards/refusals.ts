import { DatabaseFailure } from '../database/databaseFailure';
import { OpenTransaction } from '../database/openTransaction';
import { UntrustedLook } from '../database/untrustedLook';
import type { GuardFinding } from './guards';

const doubts: Readonly<Record<UntrustedLook['code'], string>> = {
  standby:
    'The connection leads to a standby, which may lack rows of its primary. Connect to the primary, and not through a pool or a name that may lead to a standby.',
  'other-database':
    'The connection leads to another database than at the start of the run: it failed over or was restored meanwhile, or the name leads to more than one. Start a new run, which looks at the database again.',
  'canary-missing':
    'A payload that had its row a moment ago seems to have none: rows are hidden or lost, or an index is damaged. Check the database before anything is deleted.',
};

/**
 * @param error that ended a run's questions to its database
 * @returns the guard that it means; undefined: it is a failure and no guard
 */
export function findingOf(error: unknown): GuardFinding | undefined {
  if (error instanceof UntrustedLook) return { guard: error.code, problem: doubts[error.code] };
  if (error instanceof DatabaseFailure && error.code === 'row-security')
    return {
      guard: 'row-security',
      problem: `${error.message}. Use a role with BYPASSRLS, or the owner of the tables.`,
    };
  if (!(error instanceof OpenTransaction)) return undefined;
  const named = error.transactions.join('; ');
  return {
    guard: 'open-transaction',
    problem:
      error.state === 'prepared'
        ? `Prepared transactions from before the run do not end and may yet write rows: ${named}. Let the transaction manager recover them, or run COMMIT PREPARED or ROLLBACK PREPARED.`
        : `Transactions from before the run do not end and may yet write rows: ${named}. Wait or end them. If the role is granted pg_read_all_stats, their age is known, and the run goes on with an earlier cutoff instead.`,
  };
}
