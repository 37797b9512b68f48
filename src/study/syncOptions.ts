/** How patient the sync of a study is. */
export interface SyncOptions {
  /** Deliveries after which a transient error is filed; the host's maxDequeueCount is two more. */
  readonly maxAttempts: number;
  readonly backOffBaseMs: number;
  readonly backOffCapMs: number;
  readonly deferCapMs: number;
  readonly outageBudgetMs: number;
  /** How long a write whose outcome is unknown may still arrive: function time-out plus the longest FHIR request. */
  readonly unknownOutcomeMs: number;
  /** Time for all the passes of one delivery. */
  readonly deliveryMs: number;
}
