import { randomUUID } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import type { ContainerClient } from '@azure/storage-blob';
import type { QueueClient } from '@azure/storage-queue';
import { z } from 'zod';
import { reconcileApi, type ReconcileApi } from './api/reconcileApi';
import { hostQueue } from './queues/hostQueue';
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
}

/** The service Reconcile: what its triggers call. */
export interface Reconcile {
  /** @param message whatever the queue holds */
  slice(message: unknown, signal: AbortSignal): Promise<void>;
  /** A slice that failed as often as the host lets it: its run cannot go on. */
  handlePoison(message: unknown, signal: AbortSignal): Promise<void>;
  /** Takes up abandoned runs, and deletes what was in quarantine for its time. */
  sweep(signal: AbortSignal): Promise<void>;
  readonly api: ReconcileApi;
}

const messageSchema = z.object({
  slice: z.object({ run: z.string().min(1), shard: z.string().min(1).optional() }),
});

const DAY_MS = 86_400_000;
/** Before the host ends a slice: for its last page, and for what is saved after it. */
const SLICE_RESERVE_MS = 60_000;

/** Puts Reconcile together from its clients; builds none itself. */
export function createReconcile(
  settings: ReconcileSettings,
  clients: ReconcileClients,
  telemetry: Telemetry,
  clock: () => Date = () => new Date(),
): Reconcile {
  const stores = new Map(clients.stores.map((store) => [storeKey(store.tenantId, store.dsId), store]));
  const services: ReconcileServices = {
    runs: tableRunStore(clients.runsTable),
    reports: reportFiles(blobFiles(clients.reports)),
    openStore: (tenantId, dsId) => {
      const store = stores.get(storeKey(tenantId, dsId));
      if (store === undefined) throw new UnknownStore(tenantId, dsId);
      return store;
    },
    sharedContainers: guardTenants(clients.stores.map(placeOf)),
    limits: limitsOf(settings),
    reporter: reconcileReporter(telemetry),
    clock,
    monotonicMs: () => performance.now(),
    newId: randomUUID,
  };
  const queue = hostQueue(clients.slices);
  const send = async (followUps: readonly FollowUp[], signal: AbortSignal): Promise<void> => {
    for (const { message, delayMs } of followUps) await queue.send(JSON.stringify(message), delayMs, signal);
  };
  return {
    async slice(message, signal) {
      const read = readMessage(message, telemetry);
      if (read !== undefined) await send(await advance(services, read, signal), signal);
    },
    async handlePoison(message, signal) {
      const read = readMessage(message, telemetry);
      if (read === undefined) return;
      const problem = {
        code: 'slice-failed',
        message: 'A slice failed again and again; the log of reconcile-slice says why.',
      };
      await failRun(services, read.slice.run, problem, signal);
    },
    async sweep(signal) {
      await send(await abandonedSlices(services, signal), signal);
      for (const { container, quarantine } of clients.stores) {
        if (quarantine === undefined) continue;
        const now = await container.storageDate(signal);
        await quarantine.expire(new Date(now.getTime() - settings.QUARANTINE_RETENTION_DAYS * DAY_MS), signal);
      }
    },
    api: reconcileApi({ services, send }),
  };
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
    drainMs: settings.RECONCILE_DRAIN_SECONDS * 1000,
    sliceMs: Math.max(settings.FUNCTION_TIMEOUT_SECONDS * 1000 - SLICE_RESERVE_MS, SLICE_RESERVE_MS) / 2,
    claimMs: settings.FUNCTION_TIMEOUT_SECONDS * 1000,
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
