import type { PayloadKey } from '../blobName';
import type { OrphanReason } from '../verdict';
import type { DatabaseIdentity, DatabaseState } from './databaseIdentity';
import type { ResourceType } from './resourceTypes';

/**
 * The database of one tenant and datasource of a FHIR server, as Reconcile asks it. It is only ever read.
 * A failure, a time-out and a short answer are thrown; they never read as "no row".
 */
export interface FhirDatabase {
  /** where it is, for a person: host, database and schema, never a secret */
  readonly description: string;
  /** @throws InvalidDatabaseAnswer when the schema has no resource type with tables */
  resourceTypes(): Promise<ReadonlyMap<number, ResourceType>>;
  state(): Promise<DatabaseState>;
  /**
   * Waits until every transaction that is open now has ended (virtual ids, then prepared ones). Looks that decide must begin afterwards.
   * @throws OpenTransaction when one outlasts the wait whose age is not known, or that is prepared
   * @throws UntrustedLook on a standby, and on another database than the one that was meant
   */
  drain(request: DrainRequest): Promise<Drained>;
  /** @throws UntrustedLook */
  look(request: LookQuery): Promise<LookAnswer>;
  /** Rows of the type that hold a key: the newest ones that are older than `before`, and as many at random. */
  sampleRows(type: ResourceType, before: Date, count: number): Promise<readonly PayloadKey[]>;
  /** Other schemas of the same database that hold the tables of a FHIR server, so that another tenant's payload is not taken for an orphan. */
  otherSchemas(): Promise<readonly string[]>;
  /** @returns places in `payloads` that have a row, live or not, with their key in that other schema */
  foundInSchema(schema: string, payloads: readonly PayloadKey[]): Promise<ReadonlySet<number>>;
  /** Rows per type as the database's statistics estimate them; types without an estimate are left out. */
  estimatedRows(): Promise<ReadonlyMap<number, number>>;
  /** Logical ids that cut the type into parts of about the same size, in no particular order; empty where there are no statistics. */
  logicalIdBounds(type: ResourceType): Promise<readonly string[]>;
  /** The live rows with a key, older than `before`, counted by bucket of their resource id. */
  auditBuckets(type: ResourceType, before: Date): Promise<readonly AuditBucket[]>;
  /** The live rows with a key of one bucket, older than `before`. */
  auditRows(type: ResourceType, bucket: number, before: Date): Promise<readonly AuditRow[]>;
  /** Live rows of the type with neither data nor key: their payload was never stored (bulk import). */
  neverStored(type: ResourceType, before: Date, limit: number): Promise<NeverStored>;
  close(): Promise<void>;
}

export interface DrainRequest {
  /** as `state` told it at the start of the run: the transactions of another database would say nothing */
  readonly identity: DatabaseIdentity;
  /** how long transactions that are open now may take to end */
  readonly drainMs: number;
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

export interface Drained {
  /** age of the oldest transaction that outlasted the wait, on the clock of the database and with a second for rounding; 0 when none did */
  readonly oldestAgeMs: number;
}

/** Whether deletes follow: then the answer must come from the primary, and be of the same database as at the start of the run. */
export type LookQuery = LookedPayloads &
  ({ readonly deciding: false } | { readonly deciding: true; readonly identity: DatabaseIdentity });

interface LookedPayloads {
  readonly type: ResourceType;
  readonly payloads: readonly PayloadKey[];
  /** payloads of the same type that were found ok earlier in this scan: they must be ok now, or the look proves nothing */
  readonly canaries?: readonly PayloadKey[];
  /** where given, the rows that were found live and are older than it are counted by bucket */
  readonly auditBefore?: Date;
}

export interface LookAnswer {
  /** the reason of each orphan, by its place in `payloads`; a place that is absent has a live row */
  readonly orphans: ReadonlyMap<number, OrphanReason>;
  /** empty without `auditBefore` */
  readonly buckets: readonly AuditBucket[];
}

/** Rows of 4096 neighbouring resource ids: how many, and the sum of their ids. */
export interface AuditBucket {
  readonly bucket: number;
  readonly count: number;
  readonly sum: bigint;
}

export interface AuditRow {
  readonly payload: PayloadKey;
  /** whether the row is the current version of its resource */
  readonly isCurrent: boolean;
}

export interface NeverStored {
  readonly count: number;
  /** the first ones: type, id and version, the key is absent */
  readonly examples: readonly Omit<PayloadKey, 'key'>[];
}
