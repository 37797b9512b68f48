import { readBlobName, type PayloadKey } from './blobName';

/** Why no live row points at a payload. `deleted-version`: the row of a deletion names it, so it is not counted as an orphan. */
export type OrphanReason = 'no-row' | 'other-key' | 'deleted-version';

export interface ListedBlob {
  readonly name: string;
  readonly etag: string;
  /** on the clock of the storage, in whole seconds */
  readonly lastModified: Date;
  /** a directory of an account with hierarchical namespace, not a payload */
  readonly isDirectory?: boolean;
  /** restored from quarantine with the wish that it stays */
  readonly isKept?: boolean;
}

export type Verdict =
  | { readonly kind: 'ok' | 'young' | 'malformed' | 'non-canonical' | 'unknown-type' | 'directory' | 'kept' }
  | { readonly kind: 'orphan'; readonly reason: 'no-row' | 'other-key' }
  | { readonly kind: 'tombstone'; readonly reason: 'deleted-version' };

export type NameVerdict =
  { readonly kind: 'look-up'; readonly payload: PayloadKey } | { readonly kind: 'decided'; readonly verdict: Verdict };

/** @returns what the listing alone decides, or the payload to look up */
export function judgeName(blob: ListedBlob, knownTypes: ReadonlySet<number>): NameVerdict {
  if (blob.isDirectory === true) return decided({ kind: 'directory' });
  const reading = readBlobName(blob.name);
  if (reading.kind !== 'payload') return decided({ kind: reading.kind });
  if (!knownTypes.has(reading.payload.typeId)) return decided({ kind: 'unknown-type' });
  return { kind: 'look-up', payload: reading.payload };
}

/**
 * The rule of time: a payload is stored before its row is committed, so only a blob that is strictly older than the cutoff of the run can be an orphan.
 * @param reason what the look said of the payload; undefined: a live row points at it
 */
export function judgeLook(blob: ListedBlob, reason: OrphanReason | undefined, cutoff: Date): Verdict {
  if (reason === undefined) return { kind: 'ok' };
  // A date that cannot be read is not older than anything, so it never makes an orphan.
  if (!(blob.lastModified.getTime() < cutoff.getTime())) return { kind: 'young' };
  if (blob.isKept === true) return { kind: 'kept' };
  return reason === 'deleted-version' ? { kind: 'tombstone', reason } : { kind: 'orphan', reason };
}

function decided(verdict: Verdict): NameVerdict {
  return { kind: 'decided', verdict };
}
