import { payloadBlobName, readBlobName, type PayloadKey } from '../blobName';
import type { PayloadStore } from '../payloadStore';
import type { DatabaseIdentity } from '../database/databaseIdentity';
import type { ResourceType } from '../database/resourceTypes';
import { stillStored } from './canaries';
import { writeMarks, readMarks } from './containerMarks';
import { hasReserved } from './reservation';
import { hasEnded, writerOf, type Run } from './run';
import { runPage, type Finding } from './reportStore';
import type { ReconcileServices } from './services';
import type { RunWork } from './steps';

/** Names that are looked up together. */
const NAMES_OF_A_LOOK = 5000;
/** Runs that are searched for the last one that deleted. */
const RUNS_BACK = 200;

/**
 * Looks the payloads that a run deleted up once more, with a fresh snapshot. One that has a row now, and is not back in the container,
 * was deleted wrongly: it is taken back from quarantine, and the container is marked, so that no run deletes there until a person has looked.
 * @returns how many there are
 */
export async function lookAfter(
  { services, store, signal }: Pick<RunWork, 'services' | 'store' | 'signal'>,
  run: Run,
): Promise<number> {
  const types = await store.database.resourceTypes();
  const { identity } = await store.database.state();
  const wrong: string[] = [];
  for await (const names of deletedNames(services, run, signal)) {
    const live = await withRow(store, types, identity, names);
    const present = await stillStored(store.container, live, signal);
    wrong.push(...live.filter((payload) => !present.includes(payload)).map(payloadBlobName));
  }
  if (wrong.length === 0) return 0;
  const findings = wrong.map((name) => ({ name, verdict: 'wrongly-deleted' }));
  await services.reports.write(runPage(run.id, 'wrongly-deleted'), findings, signal);
  const marks = await readMarks(store.container, signal);
  await writeMarks(store.container, { ...marks, haltedBy: run.id }, signal);
  await takeBack(store, run, new Set(wrong), signal);
  return wrong.length;
}

/** At the start of a run: what the last one deleted, because its own look may have come too early or not at all. */
export async function lookAtEarlierDeletes(work: RunWork): Promise<number> {
  const { account, container, id } = work.run.value;
  const { items } = await work.services.runs.list({ top: RUNS_BACK }, work.signal);
  const last = items.find(
    (run) =>
      run.id !== id &&
      run.account === account &&
      run.container === container &&
      run.request.mode !== 'report' &&
      hasEnded(run.state) &&
      hasReserved(run),
  );
  return last === undefined ? 0 : lookAfter(work, last);
}

async function* deletedNames(
  { runs, reports }: ReconcileServices,
  run: Run,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  for (const { value: shard } of await runs.readShards(run.id, signal))
    for (let page = 0; page < shard.pages; page += 1) {
      const writer = writerOf(shard.sweep.writers, page);
      if (writer === undefined || page > shard.sweep.page) continue;
      const findings = await reports.read({ runId: run.id, shardId: shard.id, page, writer, kind: 'swept' }, signal);
      const names = findings.filter(wasRemoved).map(({ name }) => name);
      for (let at = 0; at < names.length; at += NAMES_OF_A_LOOK) yield names.slice(at, at + NAMES_OF_A_LOOK);
    }
}

/** Gone is also what a delete is told whose first answer was lost. */
const wasRemoved = ({ outcome }: Finding): boolean =>
  outcome === 'deleted' || outcome === 'quarantined' || outcome === 'gone';

async function withRow(
  { database }: PayloadStore,
  types: ReadonlyMap<number, ResourceType>,
  identity: DatabaseIdentity,
  names: readonly string[],
): Promise<readonly PayloadKey[]> {
  const byType = new Map<number, PayloadKey[]>();
  for (const name of names) {
    const reading = readBlobName(name);
    if (reading.kind !== 'payload') continue;
    const { payload } = reading;
    const ofType = byType.get(payload.typeId);
    if (ofType === undefined) byType.set(payload.typeId, [payload]);
    else ofType.push(payload);
  }
  const found: PayloadKey[] = [];
  for (const [typeId, payloads] of byType) {
    const type = types.get(typeId);
    if (type === undefined) continue;
    const { orphans } = await database.look({ type, payloads, deciding: true, identity });
    found.push(...payloads.filter((_, place) => !orphans.has(place)));
  }
  return found;
}

async function takeBack(
  { quarantine }: PayloadStore,
  run: Run,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  if (quarantine === undefined || run.request.mode !== 'quarantine') return;
  for await (const payload of quarantine.list(run.id, signal))
    if (names.has(payload.name)) await quarantine.restore(payload, false, signal);
}
