import type { ReconcileReporter } from './payloads/runs/services';
import type { Telemetry } from './telemetry/telemetry';

/** Progress and ends of runs as metrics and events: ids of runs and counts, no names of payloads. */
export function reconcileReporter(telemetry: Telemetry): ReconcileReporter {
  return {
    pageScanned: ({ run, counts, durationMs }) => {
      const { tenantId, dsId } = run.request;
      telemetry.metric('payloads-listed', counts.listed ?? 0, { tenantId, dsId });
      telemetry.metric('payload-page-duration-ms', durationMs, { tenantId, dsId });
    },
    batchSwept: (run, outcomes) => {
      const { tenantId, dsId } = run.request;
      for (const [outcome, count] of Object.entries(outcomes))
        telemetry.metric('payloads-swept', count, { outcome, tenantId, dsId });
    },
    runEnded: (run) => {
      const { tenantId, dsId, mode } = run.request;
      const common = { runId: run.id, state: run.state, tenantId, dsId, mode };
      telemetry.event('reconcile-ended', { ...common, code: run.problem?.code });
      if (run.state !== 'stopped-by-guard') return;
      for (const { guard } of run.guards) {
        telemetry.event('reconcile-stopped-by-guard', { ...common, guard });
        telemetry.log('warning', 'A guard stopped Reconcile; the run says why', { ...common, guard });
      }
    },
  };
}
