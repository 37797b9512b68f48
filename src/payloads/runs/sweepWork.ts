import type { PayloadKey } from '../blobName';
import type { ResourceType } from '../database/resourceTypes';
import type { PayloadStore } from '../payloadStore';
import type { Run, RunPlan } from './run';
import type { ReconcileServices } from './services';

/** What a slice of the sweep needs. */
export interface SweepWork {
  readonly services: ReconcileServices;
  readonly store: PayloadStore;
  readonly types: ReadonlyMap<number, ResourceType>;
  readonly run: Run;
  readonly plan: RunPlan;
  /** payloads that the scan found ok, by type id */
  readonly canaries: ReadonlyMap<number, readonly PayloadKey[]>;
  readonly owner: string;
  readonly signal: AbortSignal;
}
