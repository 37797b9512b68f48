import { encodeLogicalId } from '../blobName';
import { compareNames } from '../container/nameOrder';
import type { ListPage } from '../container/payloadContainer';
import type { ListedBlob } from '../verdict';
import type { Shard, ShardCursor, ShardRange } from './run';

/** What is known of one type when a scan is cut into shards. */
export interface TypeSize {
  readonly typeId: number;
  /** undefined: there are no statistics */
  readonly rows: number | undefined;
  /** logical ids that cut the type into parts of about the same size, in any order */
  readonly bounds: readonly string[];
}

/** Rows that make a shard of their own worth its requests. */
const LEAST_ROWS_OF_A_SHARD = 100_000;
/** The rows of a plan are written together, which Table Storage does for at most 100; one more is for every other name. */
const MOST_SHARDS = 99;
const MOST_TYPES = 30;

/**
 * Cuts all names into shards: parts of each type that is large or whose size is unknown, and one for every other name.
 * Together they hold every name there can be, so the totals are those of the container, whatever is written meanwhile.
 */
export function cutIntoShards(sizes: readonly TypeSize[]): readonly ShardRange[] {
  const large = (size: TypeSize): boolean => size.rows === undefined || size.rows >= LEAST_ROWS_OF_A_SHARD / 4;
  const own = sizes
    .filter(large)
    .sort((left, right) => (right.rows ?? 0) - (left.rows ?? 0))
    .slice(0, MOST_TYPES);
  const except = own.map(({ typeId }) => typePrefix(typeId)).sort();
  return [{ kind: 'others', except }, ...shardsOfTypes(own)];
}

/** Only the names of these types. */
export function shardsOfTypes(sizes: readonly TypeSize[]): readonly ShardRange[] {
  const rows = sizes.reduce((sum, size) => sum + (size.rows ?? 0), 0);
  const rowsOfAShard = Math.max(LEAST_ROWS_OF_A_SHARD, rows / Math.max(1, MOST_SHARDS - sizes.length));
  return sizes.flatMap((size) => partsOf(size, rowsOfAShard));
}

export const EVERY_NAME: ShardRange = { kind: 'others', except: [] };

function typePrefix(typeId: number): string {
  return `${typeId}/`;
}

function partsOf({ typeId, rows, bounds }: TypeSize, rowsOfAShard: number): readonly ShardRange[] {
  const prefix = typePrefix(typeId);
  const parts = Math.ceil((rows ?? 0) / rowsOfAShard);
  const cuts = parts < 2 ? [] : spread(sortedCuts(prefix, bounds), parts - 1);
  return [undefined, ...cuts].map((from, part) => {
    const to = cuts[part];
    return { kind: 'range', prefix, ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
  });
}

/** Blob order is bytewise over the whole name; the order of the database is another one. The names are ASCII. */
function sortedCuts(prefix: string, bounds: readonly string[]): readonly string[] {
  return [
    ...new Set(bounds.filter((id) => /^[A-Za-z0-9.-]{1,64}$/.test(id)).map((id) => `${prefix}${encodeLogicalId(id)}/`)),
  ].sort();
}

function spread(cuts: readonly string[], count: number): readonly string[] {
  if (cuts.length <= count) return cuts;
  const step = cuts.length / (count + 1);
  return Array.from({ length: count }, (_, place) => cuts[Math.floor((place + 1) * step)]).filter(
    (cut) => cut !== undefined,
  );
}

/** Where the listing of a range goes on. */
export interface ListingStep {
  readonly prefix?: string;
  readonly startFrom?: string;
  readonly marker?: string;
}

export function nextStep(range: ShardRange, cursor: ShardCursor): ListingStep {
  const startFrom = cursor.from ?? cursor.after ?? (range.kind === 'range' ? range.from : undefined);
  return {
    ...(range.kind === 'range' && { prefix: range.prefix }),
    ...(cursor.marker !== undefined ? { marker: cursor.marker } : startFrom !== undefined && { startFrom }),
  };
}

/** What a page of the listing means for a shard. */
export interface WalkedPage {
  readonly inside: readonly ListedBlob[];
  readonly cursor: ShardCursor;
  readonly scanned: boolean;
}

/**
 * Takes from a page the names that belong to the range, and says where the walk goes on.
 * A page without names is not the end; only one without a marker is, or one that goes past the range.
 */
export function walk(range: ShardRange, cursor: ShardCursor, page: ListPage): WalkedPage {
  const inside: ListedBlob[] = [];
  let skipTo: string | undefined;
  if (!isEveryName(range)) requireAscending(page.blobs);
  for (const blob of page.blobs) {
    skipTo = undefined;
    // A listing that starts from a name begins with that name itself.
    if (blob.name === cursor.after) continue;
    const place = placeOf(range, blob.name);
    if (place.kind === 'past') return { inside, cursor: { after: lastName(inside) ?? cursor.after }, scanned: true };
    if (place.kind === 'inside') inside.push(blob);
    else skipTo = place.startFrom;
  }
  const after = lastName(inside) ?? cursor.after;
  if (page.nextMarker === undefined) return { inside, cursor: { after }, scanned: true };
  if (skipTo !== undefined) return { inside, cursor: { after, from: skipTo }, scanned: false };
  const from = inside.length === 0 ? cursor.from : undefined;
  return { inside, cursor: { after, from, marker: page.nextMarker }, scanned: false };
}

/** A walk of every name works in any order. */
const isEveryName = (range: ShardRange): boolean => range.kind === 'others' && range.except.length === 0;

/** The listing is not in the order of its names, so a part of them has no beginning and no end in it. */
export class UnorderedListing extends Error {
  readonly code = 'UnorderedListing';
  override readonly name = 'UnorderedListing';
  constructor() {
    super('The storage lists blobs in another order than that of their names: set RECONCILE_FAN_OUT to false');
  }
}

/** @throws UnorderedListing; accounts with hierarchical namespace are said to list by directory */
function requireAscending(blobs: readonly ListedBlob[]): void {
  let before = '';
  for (const { name } of blobs) {
    // JavaScript's own order is the same up to U+D7FF, and much cheaper.
    if (name < before && compareNames(name, before) < 0) throw new UnorderedListing();
    before = name;
  }
}

const lastName = (blobs: readonly ListedBlob[]): string | undefined => blobs.at(-1)?.name;

/** What a listed name means for the walk of a range. */
type NamePlace =
  | { readonly kind: 'inside' }
  /** it belongs to another shard: go on from this name */
  | { readonly kind: 'skip-to'; readonly startFrom: string }
  /** the range ends before it */
  | { readonly kind: 'past' };

function placeOf(range: ShardRange, name: string): NamePlace {
  switch (range.kind) {
    case 'range':
      if (range.from !== undefined && name < range.from) return { kind: 'skip-to', startFrom: range.from };
      return range.to !== undefined && name >= range.to ? { kind: 'past' } : { kind: 'inside' };
    case 'others': {
      const prefix = range.except.find((candidate) => name.startsWith(candidate));
      return prefix === undefined ? { kind: 'inside' } : { kind: 'skip-to', startFrom: behind(prefix) };
    }
  }
}

/** Up to where every name was judged. */
export type LowWater = Pick<ShardCursor, 'after' | 'from'>;

/** @returns where a later run goes on, over all shards of a run; undefined when they are all scanned */
export function lowWater(shards: readonly Pick<Shard, 'range' | 'cursor' | 'scanned'>[]): LowWater | undefined {
  const [lowest] = shards
    .filter(({ scanned }) => !scanned)
    .map(({ range, cursor }): LowWater => {
      if (cursor.from !== undefined) return { from: cursor.from };
      if (cursor.after !== undefined) return { after: cursor.after };
      return range.kind === 'range' ? { from: range.from ?? range.prefix } : {};
    })
    .sort((left, right) => compareNames(nameOf(left), nameOf(right)));
  return lowest;
}

const nameOf = ({ after, from }: LowWater): string => from ?? after ?? '';

export interface StartedRange {
  readonly range: ShardRange;
  readonly cursor: ShardCursor;
}

/** The parts of the ranges that an earlier run had not reached, each with its cursor. */
export function continueFrom(
  ranges: readonly ShardRange[],
  reached: LowWater & Pick<ShardCursor, 'marker'>,
): readonly StartedRange[] {
  const { after, from, marker } = reached;
  const name = nameOf(reached);
  return ranges.flatMap((range): readonly StartedRange[] => {
    if (range.kind === 'others') return [{ range, cursor: { after, from, marker } }];
    const [start, end] = boundsOf(range);
    if (name >= end) return [];
    return [{ range, cursor: name >= start ? { after, from, marker: ranges.length === 1 ? marker : undefined } : {} }];
  });
}

function boundsOf(range: Extract<ShardRange, { kind: 'range' }>): readonly [start: string, end: string] {
  return [range.from ?? range.prefix, range.to ?? behind(range.prefix)];
}

/** `0` is the byte after the slash, so this is the first name behind the prefix. */
function behind(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}
