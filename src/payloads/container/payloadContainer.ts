import type { ListedBlob } from '../verdict';

/** The container of one tenant and datasource, in which the FHIR server stores its payloads. */
export interface PayloadContainer {
  /** host name of the blob service, with the account's name where that is part of the path */
  readonly account: string;
  readonly name: string;
  exists(signal: AbortSignal): Promise<boolean>;
  /** @returns the `Date` header of an answer of the storage: the only clock that a cutoff may come from */
  storageDate(signal: AbortSignal): Promise<Date>;
  /** What would undo a mistaken delete. */
  undo(signal: AbortSignal): Promise<UndoNet>;
  /**
   * One page in bytewise order of the whole name. It may hold fewer blobs than asked for, also none, and yet have a marker: only a page without one is the last.
   * @throws MalformedListAnswer when the answer cannot be understood, StartFromIgnored when it begins before `startFrom`
   */
  list(request: ListRequest, signal: AbortSignal): Promise<ListPage>;
  /** The first segments of all names, each with its slash where there is one, in bytewise order. */
  rootSegments(signal: AbortSignal): Promise<readonly string[]>;
  /** @returns whether the service lists from a name on (`startFrom`, service version 2026-02-06): an older one ignores it silently */
  canStartFrom(signal: AbortSignal): Promise<boolean>;
  /** A HEAD; undefined: there is no such blob. */
  properties(name: string, signal: AbortSignal): Promise<PayloadProperties | undefined>;
  /**
   * Deletes each blob with its snapshots if it is still the one that was listed. Only the end of the signal is thrown.
   * @returns their outcomes in the order of the blobs
   */
  deleteManyUnchanged(
    blobs: readonly { readonly name: string; readonly etag: string }[],
    signal: AbortSignal,
  ): Promise<readonly DeleteOutcome[]>;
  /** The body; undefined: there is no such blob. */
  read(name: string, signal: AbortSignal): Promise<Buffer | undefined>;
  /** Creates the container, private. @returns false when it was there */
  create(signal: AbortSignal): Promise<boolean>;
  /** Metadata of the container itself, names in lower case. */
  metadata(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  setMetadata(metadata: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
}

export interface ListRequest {
  readonly prefix?: string | undefined;
  /** the first name of the page, if there is one of that name */
  readonly startFrom?: string | undefined;
  /** of the page before; it wins over `startFrom` */
  readonly marker?: string | undefined;
  /** at most 5000 */
  readonly pageSize: number;
}

export interface ListPage {
  readonly blobs: readonly ListedBlob[];
  /** opaque; undefined at the end of the list */
  readonly nextMarker: string | undefined;
}

export interface PayloadProperties {
  readonly etag: string;
  readonly lastModified: Date;
  readonly sizeBytes: number;
  readonly contentMd5: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

export type DeleteOutcome =
  | { readonly kind: 'deleted' }
  /** Somebody else deleted it; or this did, and the reply was lost, so that the repeated request found nothing. */
  | { readonly kind: 'gone' }
  /** it was written again since it was listed */
  | { readonly kind: 'changed' }
  /** @property code the error code of the storage, such as LeaseIdMissing */
  | { readonly kind: 'failed'; readonly code: string };

/** undefined: the service does not say. */
export interface UndoNet {
  readonly softDeleteDays: number | undefined;
  readonly versioning: boolean | undefined;
}

/** Where payloads go instead of being deleted. It is another container than the scanned one. */
export interface QuarantineContainer {
  readonly name: string;
  /**
   * Copy, compare, delete with the ETag. A crash in between leaves both, and the next run repeats it.
   * Only the end of the signal is thrown.
   */
  moveIn(request: QuarantineRequest, signal: AbortSignal): Promise<DeleteOutcome>;
  /** The payloads of one run, or of all, without the copies whose source was not deleted after all. */
  list(runId: string | undefined, signal: AbortSignal): AsyncIterable<QuarantinedPayload>;
  /**
   * Copies back, never over a blob that is there, compares, and deletes the copy. Repeated after a crash or a failure, it goes on where it was.
   * Only the end of the signal is thrown.
   * @param keep whether no scan shall take the payload for an orphan again
   */
  restore(payload: QuarantinedPayload, keep: boolean, signal: AbortSignal): Promise<RestoreOutcome>;
  /**
   * Deletes what was quarantined before a time of the storage's clock, also copies whose source was not deleted.
   * @returns how many went
   * @throws QuarantineNotExpired when some could not be deleted; the others were
   */
  expire(before: Date, signal: AbortSignal): Promise<number>;
}

export interface QuarantineRequest {
  readonly runId: string;
  readonly name: string;
  /** as it was listed */
  readonly etag: string;
  readonly lastModified: Date;
  readonly reason: string;
}

export interface QuarantinedPayload {
  readonly runId: string;
  /** of the payload, as it was in its container */
  readonly name: string;
  /** of the copy */
  readonly etag: string;
  /** on the storage's clock */
  readonly quarantinedAt: Date;
}

export type RestoreOutcome =
  | { readonly kind: 'restored' }
  /** there is a payload of this name, which is never written over */
  | { readonly kind: 'occupied' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly code: string };
