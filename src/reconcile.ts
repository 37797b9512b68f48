import { randomUUID } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import type { ContainerClient } from '@azure/storage-blob';
import type { QueueClient } from '@azure/storage-queue';
import { z } from 'zod';
import { reconcileApi, type ReconcileApi } from './api/reconcileApi';
import { hostQueue } from './queues/hostQueue';
import { DatabaseFailure } from './payloads/database/databaseFailure';
import { guardTenants } from './payloads/guards/tenants';
import type { PayloadStore } from './payloads/payloadStore';
import { abandonedSlices } from './payloads/runs/abandonedRuns';
import { advance } from './payloads/runs/advance';
import { failRun } from './payloads/runs/endedBy';
import { blobFiles, reportFiles } from './payloads/runs/pageFiles';
import { DEFAULT_LIMITS, UnknownStore, type ReconcileLimits, type ReconcileServices } from './payloads/runs/services';
import type { FollowUp, SliceMessage } from './payloads/runs/steps';
import { tableRunStore } from './payloads/runs/tableRunStore';
import { reconcileReporter } from './reconcileReporter';
import type { ReconcileSettings } from './reconcileSettings';
import type { Telemetry } from './telemetry/telemetry';

/** Everything outside this process that Reconcile talks to. */
export interface ReconcileClients {
  readonly stores: readonly PayloadStore[];
  readonly runsTable: TableClient;
  readonly reports: ContainerClient;
  /** the queue `reconcile-slices` */
  readonly slices: QueueClient;
  readonly poison: QueueClient;
}

/** The service Reconcile: what its triggers call. */
export interface Reconcile {
  /** @param message whatever the queue holds */
  slice(message: unknown, signal: AbortSignal): Promise<void>;
  /** A slice that failed as often as the host lets it: its run cannot go on. */
  handlePoison(message: unknown, signal: AbortSignal): Promise<void>;
  /** Takes up abandoned runs, deletes what was in quarantine for its time, and tells how many messages nobody could work on. */
  sweep(signal: AbortSignal): Promise<void>;
  readonly api: ReconcileApi;
}

const messageSchema = z.object({
  slice: z.object({ run: z.string().min(1), shard: z.string().min(1).optional() }),
});

const DAY_MS = 86_400_000;
const OUTAGE_DELAY_MS = 60_000;

/** Puts Reconcile together from its clients; builds none itself. */
export function createReconcile(
  settings: ReconcileSettings,
  clients: ReconcileClients,
  telemetry: Telemetry,
  clock: () => Date = () => new Date(),
): Reconcile {
  const stores = new Map(clients.stores.map((store) => [storeKey(store.tenantId, store.dsId), store]));
  const places = clients.stores.map(placeOf);
  const services: ReconcileServices = {
    runs: tableRunStore(clients.runsTable),
    reports: reportFiles(blobFiles(clients.reports)),
    openStore: (tenantId, dsId) => {
      const store = stores.get(storeKey(tenantId, dsId));
      if (store === undefined) throw new UnknownStore(tenantId, dsId);
      return store;
    },
    sharedContainers: ({ container }) =>
      guardTenants(places.filter((place) => place.account === container.account && place.container === container.name)),
    limits: limitsOf(settings),
    reporter: reconcileReporter(telemetry),
    clock,
    monotonicMs: () => performance.now(),
    newId: randomUUID,
  };
  const queue = hostQueue(clients.slices);
  const poison = hostQueue(clients.poison);
  const send = async (followUps: readonly FollowUp[], signal: AbortSignal): Promise<void> => {
    for (const { message, delayMs } of followUps) await queue.send(JSON.stringify(message), delayMs, signal);
  };
  return {
    async slice(message, signal) {
      const read = readMessage(message, telemetry);
      if (read === undefined) return;
      try {
        await send(await advance(services, read, signal), signal);
      } catch (error) {
        if (!(await isOutage(services, read, error, signal))) throw error;
        telemetry.log('warning', 'The database of the FHIR server does not answer; a run waits', {
          runId: read.slice.run,
        });
        await send([{ message: read, delayMs: OUTAGE_DELAY_MS }], signal);
      }
    },
    async handlePoison(message, signal) {
      const read = readMessage(message, telemetry);
      if (read === undefined) return;
      const problem = {
        code: 'slice-failed',
        message: 'A slice failed again and again; the log of reconcile-slice says why.',
      };
      await send(await failRun(services, read.slice.run, problem, signal), signal);
    },
    async sweep(signal) {
      const queueDepth = await poison.depth(signal);
      telemetry.metric('queue-depth', queueDepth, { queue: clients.poison.name });
      await send(await abandonedSlices(services, signal), signal);
      const ends = await Promise.allSettled(clients.stores.map((store) => expire(store, settings, signal)));
      // One store that cannot be reached does not keep the others from it.
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    },
    api: reconcileApi({ services, send }),
  };
}

/** An outage costs no delivery of a message, up to a day: then the host's deliveries, and with them the run, come to an end. */
async function isOutage(
  { runs, clock }: ReconcileServices,
  { slice }: SliceMessage,
  error: unknown,
  signal: AbortSignal,
): Promise<boolean> {
  if (!(error instanceof DatabaseFailure) || !error.isTransient) return false;
  const run = await runs.read(slice.run, signal);
  return run !== undefined && clock().getTime() - Date.parse(run.value.startedAt) < DAY_MS;
}

/** Deletes what was in quarantine for its time, by the clock of the storage. */
async function expire(
  { container, quarantine }: PayloadStore,
  { QUARANTINE_RETENTION_DAYS }: ReconcileSettings,
  signal: AbortSignal,
): Promise<void> {
  if (quarantine === undefined) return;
  const now = await container.storageDate(signal);
  await quarantine.expire(new Date(now.getTime() - QUARANTINE_RETENTION_DAYS * DAY_MS), signal);
}

function storeKey(tenantId: string, dsId: string): string {
  return `${tenantId}/${dsId}`;
}

function placeOf({ tenantId, dsId, container }: PayloadStore) {
  return { tenantId, dsId, account: container.account, container: container.name };
}

function limitsOf(settings: ReconcileSettings): ReconcileLimits {
  return {
    ...DEFAULT_LIMITS,
    pageSize: settings.RECONCILE_PAGE_SIZE,
    fanOut: settings.RECONCILE_FAN_OUT,
    drainMs: settings.RECONCILE_DRAIN_SECONDS * 1000,
    sliceMs: Math.min(DEFAULT_LIMITS.sliceMs, (settings.FUNCTION_TIMEOUT_SECONDS * 1000) / 2),
    claimMs: Math.min(DEFAULT_LIMITS.claimMs, settings.FUNCTION_TIMEOUT_SECONDS * 1000),
    share: {
      ...DEFAULT_LIMITS.share,
      sharePercent: settings.RECONCILE_MAX_ORPHAN_PERCENT,
      count: settings.RECONCILE_MAX_ORPHANS,
    },
  };
}

/** A message that cannot be read is none of ours: no other attempt would help, and no run waits for it. */
function readMessage(message: unknown, telemetry: Telemetry): SliceMessage | undefined {
  const read = messageSchema.safeParse(message);
  if (read.success) return read.data;
  telemetry.log('error', 'A message of reconcile-slices cannot be read and is left out');
  return undefined;
}
