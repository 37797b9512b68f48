import type { DatabaseState } from '../database/databaseIdentity';
import { guardDatabase } from '../guards/database';
import type { GuardFinding } from '../guards/guards';
import { readMarks } from './containerMarks';
import type { RunWork } from './steps';

/** Guards that ask the database alone. A report, too, is asked with the cutoff that a run which deletes would have. */
export async function guardDatabaseOf(
  { store, run, signal }: RunWork,
  state: DatabaseState,
  cutoff: Date,
): Promise<readonly GuardFinding[]> {
  const { mode, graceMs } = run.value.request;
  const { identity } = await readMarks(store.container, signal);
  const newestMs = mode === 'report' && state.newest !== undefined ? state.newest.getTime() - graceMs : Infinity;
  return guardDatabase(state, identity, new Date(Math.min(cutoff.getTime(), newestMs)), graceMs);
}

/** Payloads of an earlier run that have a row after all end every run that deletes, until a person has looked. */
export async function haltedFinding(work: RunWork): Promise<readonly GuardFinding[]> {
  const { haltedBy } = await readMarks(work.store.container, work.signal);
  if (haltedBy === undefined) return [];
  return [
    {
      guard: 'wrongly-deleted',
      problem: `The run ${haltedBy} deleted payloads that have a row after all. Its report names them: restore them, find out why it happened, then give its id.`,
      override: { name: 'wrongly-deleted', value: haltedBy },
    },
  ];
}
