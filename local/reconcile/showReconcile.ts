import { LOST_PAYLOADS } from '../samples/reconcile/samplePayloads';
import type { CastRun } from '../start/castRun';

/** What Reconcile found in the sample payloads, and what it did. */
export interface ReconcileSummary {
  readonly dryRun: Readonly<Record<string, unknown>>;
  readonly deleteRun: Readonly<Record<string, unknown>>;
}

interface RunAnswer {
  readonly runId: string;
  readonly state: string;
  readonly totals: Readonly<Record<string, number>>;
}

const WAIT_SECONDS = 60;

/** A report first, then a run that moves the orphans to quarantine. */
export async function showReconcile(app: Pick<CastRun, 'call'>): Promise<ReconcileSummary> {
  const dryRun = await run(app, { audit: true });
  const deleteRun = await run(app, {
    dryRun: false,
    quarantine: true,
    overrides: { 'wrong-pair': LOST_PAYLOADS },
  });
  return { dryRun, deleteRun };
}

async function run(app: Pick<CastRun, 'call'>, body: object): Promise<Readonly<Record<string, unknown>>> {
  const { runId, state, totals } = (await app.call('POST', '/api/reconcile', {
    ...body,
    wait: WAIT_SECONDS,
  })) as RunAnswer;
  return { runId, state, ...totals };
}
