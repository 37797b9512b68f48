import type { PayloadKey } from '../blobName';
import { ContainerMissing, isContainerMissing } from '../container/containerMissing';
import { inParallel } from '../../concurrency/inParallel';
import type { DeleteOutcome } from '../container/payloadContainer';
import { UntrustedLook } from '../database/untrustedLook';
import type { ResourceType } from '../database/resourceTypes';
import type { OrphanReason } from '../verdict';
import { stillStored } from './canaries';
import type { SweepWork } from './sweepWork';
import type { SweepOutcome } from './totals';

/** A blob that the scan took for an orphan. */
export interface Candidate {
  readonly name: string;
  readonly etag: string;
  readonly lastModified: Date;
  readonly type: ResourceType;
  readonly payload: PayloadKey;
  readonly reason: string;
}

export interface CandidateOutcome {
  readonly outcome: SweepOutcome;
  readonly code?: string | undefined;
}

const CANARIES_OF_A_LOOK = 10;
const HEADS_AT_ONCE = 16;

/**
 * Looks the candidates up once more, on the primary and with canaries, and deletes those that still have no row.
 * @param wasBegun an earlier slice may have deleted some of them: what is gone was deleted by this run
 * @returns the outcome of each candidate, in their order
 * @throws UntrustedLook when canaries are missing twice: then nothing of the batch was deleted by this call
 * @throws ContainerMissing
 */
export async function sweepBatch(
  work: SweepWork,
  batch: readonly Candidate[],
  wasBegun: boolean,
): Promise<readonly CandidateOutcome[]> {
  const outcomes = new Array<CandidateOutcome | undefined>(batch.length);
  const waiting = batch.map((candidate, place) => ({ candidate, place }));
  const provable = waiting.filter(({ candidate, place }) => {
    const isProven = isProvenType(work, candidate.type);
    if (!isProven) outcomes[place] = { outcome: 'unproven' };
    return isProven;
  });
  let left: readonly Waiting[] = provable;
  while (left.length > 0) left = await sweepWave(work, left, wasBegun, outcomes);
  if (wasBegun) await settleLive(work, batch, outcomes);
  return outcomes.map((outcome) => {
    if (outcome === undefined) throw new TypeError('A candidate was left without an outcome');
    return outcome;
  });
}

/** @returns what an earlier slice removed of a batch that it began, without removing more; undefined: it is still there */
export function settleBatch(
  work: SweepWork,
  batch: readonly Candidate[],
): Promise<readonly (CandidateOutcome | undefined)[]> {
  return inParallel(batch, HEADS_AT_ONCE, async ({ name }) =>
    (await work.store.container.properties(name, work.signal)) === undefined ? { outcome: removedBy(work) } : undefined,
  );
}

/** One that has its row now, and whose blob an earlier slice removed: the look after the sweep must not miss it. */
async function settleLive(
  work: SweepWork,
  batch: readonly Candidate[],
  outcomes: (CandidateOutcome | undefined)[],
): Promise<void> {
  const places = [...batch.keys()].filter((place) => outcomes[place]?.outcome === 'live');
  const live = batch.filter((_, place) => places.includes(place));
  (await settleBatch(work, live)).forEach((outcome, at) => {
    const place = places[at];
    if (place !== undefined && outcome !== undefined) outcomes[place] = outcome;
  });
}

/** Without a canary a look proves nothing, unless the operator says that the type has no row to be one. */
function isProvenType({ run, canaries }: SweepWork, { id, name }: ResourceType): boolean {
  if (run.unprovenTypes.includes(name)) return false;
  return canaries.has(id) || run.request.overrides.unproven?.includes(name) === true;
}

interface Waiting {
  readonly candidate: Candidate;
  readonly place: number;
}

/**
 * One look, and the deletes that follow while it is fresh: a dead key only revives when somebody restores rows, so the time between is short.
 * @returns those that are to be looked up again, because the deletes before them took too long
 */
async function sweepWave(
  work: SweepWork,
  waiting: readonly Waiting[],
  wasBegun: boolean,
  outcomes: (CandidateOutcome | undefined)[],
): Promise<readonly Waiting[]> {
  const { limits, monotonicMs } = work.services;
  const lookedAtMs = monotonicMs();
  const orphans = await lookAgain(work, waiting, (place) => {
    outcomes[place] = { outcome: 'live' };
  });
  for (let at = 0; at < orphans.length; at += limits.deletesTogether) {
    // The first ones are dealt with in any case, so that the waves come to an end.
    if (at > 0 && monotonicMs() - lookedAtMs > limits.lookValidMs) return orphans.slice(at);
    work.signal.throwIfAborted();
    const some = orphans.slice(at, at + limits.deletesTogether);
    const removed = await removeAll(work, some);
    await requireContainer(work, removed);
    some.forEach(({ place }, index) => {
      outcomes[place] = outcomeOf(work, removed[index], wasBegun);
    });
  }
  return [];
}

async function lookAgain(
  work: SweepWork,
  waiting: readonly Waiting[],
  onLive: (place: number) => void,
): Promise<readonly Waiting[]> {
  const types = [...new Map(waiting.map(({ candidate: { type } }) => [type.id, type])).values()];
  const orphans = new Set<number>();
  for (const type of types) {
    const ofType = waiting.filter(({ candidate }) => candidate.type.id === type.id);
    const reasons = await lookWithCanaries(
      work,
      type,
      ofType.map(({ candidate }) => candidate.payload),
    );
    ofType.forEach(({ place }, at) => {
      if (isSwept(work, reasons.get(at))) orphans.add(place);
      else onLive(place);
    });
  }
  return waiting.filter(({ place }) => orphans.has(place));
}

function isSwept({ run }: SweepWork, reason: OrphanReason | undefined): boolean {
  switch (reason) {
    case 'no-row':
    case 'other-key':
      return true;
    case 'deleted-version':
      return run.request.includeTombstones;
    case undefined:
      return false;
  }
}

/** A canary may have been erased since it was found; so the look is done again, once, with those whose blobs are still there. */
async function lookWithCanaries(
  { store, canaries, plan: { identity }, signal }: SweepWork,
  type: ResourceType,
  payloads: readonly PayloadKey[],
): Promise<ReadonlyMap<number, OrphanReason>> {
  const known = canaries.get(type.id) ?? [];
  const look = async (chosen: readonly PayloadKey[]): Promise<ReadonlyMap<number, OrphanReason>> => {
    const { orphans } = await store.database.look({ type, payloads, canaries: chosen, deciding: true, identity });
    return orphans;
  };
  try {
    return await look(known.slice(0, CANARIES_OF_A_LOOK));
  } catch (error) {
    if (!(error instanceof UntrustedLook && error.code === 'canary-missing')) throw error;
    const others = [...known.slice(CANARIES_OF_A_LOOK), ...known.slice(0, CANARIES_OF_A_LOOK)];
    const present = await stillStored(store.container, others.slice(0, 2 * CANARIES_OF_A_LOOK), signal);
    if (present.length === 0) throw error;
    return look(present.slice(0, CANARIES_OF_A_LOOK));
  }
}

function removeAll({ run, store, signal }: SweepWork, some: readonly Waiting[]): Promise<readonly DeleteOutcome[]> {
  const candidates = some.map(({ candidate }) => candidate);
  if (run.request.mode !== 'quarantine') return store.container.deleteManyUnchanged(candidates, signal);
  const { quarantine } = store;
  if (quarantine === undefined) throw new TypeError('A run that quarantines needs a quarantine');
  return Promise.all(
    candidates.map(({ name, etag, lastModified, reason }) =>
      quarantine.moveIn({ runId: run.id, name, etag, lastModified, reason }, signal),
    ),
  );
}

/** One failed delete stops nothing, but without a container there is nothing left to do. */
async function requireContainer({ store, signal }: SweepWork, outcomes: readonly DeleteOutcome[]): Promise<void> {
  const isSaidSo = outcomes.some((outcome) => outcome.kind === 'failed' && isContainerMissing(outcome.code));
  if (isSaidSo && !(await store.container.exists(signal))) throw new ContainerMissing(store.container.name);
}

function removedBy({ run }: SweepWork): SweepOutcome {
  return run.request.mode === 'quarantine' ? 'quarantined' : 'deleted';
}

function outcomeOf(work: SweepWork, outcome: DeleteOutcome | undefined, wasBegun: boolean): CandidateOutcome {
  if (outcome === undefined) throw new TypeError('A delete has no outcome');
  const removed = removedBy(work);
  switch (outcome.kind) {
    case 'deleted':
      return { outcome: removed };
    case 'gone':
      return { outcome: wasBegun ? removed : 'gone' };
    case 'changed':
      return { outcome: 'changed' };
    case 'failed':
      return { outcome: 'failed', code: outcome.code };
  }
}
