import { type ChangeFeed, type ChangeFeedRow, stateOf } from './changeFeed';
import { emptyReply, jsonTextReply, type Reply, RequestRefused } from './reply';

/** Parameters of a query by lower-case name. */
export type Query = ReadonlyMap<string, string>;

export interface ChangeFeedOptions {
  readonly version: string;
  /** Names as the service's documentation shows them, instead of as the service writes them. */
  readonly pascalCase: boolean;
}

const MAX_INT64 = 2n ** 63n - 1n;
const MAX_WINDOW = { v1: 100, v2: 200 };
const DEFAULT_WINDOW = { v1: 10, v2: 100 };
/** A date and time that names its zone. */
const ZONED_DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/i;

/** `GET /changefeed`. @throws {RequestRefused} for parameters out of range and when metadata of an entry is lost */
export function readChangeFeed(feed: ChangeFeed, query: Query, options: ChangeFeedOptions): Reply {
  const api = options.version === 'v2' ? 'v2' : 'v1';
  const includeMetadata = booleanOf(query, 'includeMetadata', true);
  const limit = limitOf(query, DEFAULT_WINDOW[api], MAX_WINDOW[api]);
  const offset = offsetOf(query);
  const rows = api === 'v2' ? feed.between(...timeSpanOf(query), offset, limit) : feed.window(offset, limit);
  const texts = rows.map((row) => entryText(row, includeMetadata, options.pascalCase));
  return jsonTextReply(200, `[${texts.join(',')}]`);
}

/** `GET /changefeed/latest`: 204 without a body while the feed is empty. */
export function readLatestChange(feed: ChangeFeed, query: Query, options: ChangeFeedOptions): Reply {
  const includeMetadata = booleanOf(query, 'includeMetadata', true);
  const row = feed.latest();
  return row === undefined ? emptyReply(204) : jsonTextReply(200, entryText(row, includeMetadata, options.pascalCase));
}

/** The metadata stand at its end, as they were written when they were stored. */
function entryText(row: ChangeFeedRow, includeMetadata: boolean, pascalCase: boolean): string {
  const text = JSON.stringify(entryOf(row, pascalCase));
  const metadata = includeMetadata ? metadataTextOf(row) : undefined;
  const name = pascalCase ? 'Metadata' : 'metadata';
  return metadata === undefined ? text : `${text.slice(0, -1)},"${name}":${metadata}}`;
}

function entryOf(row: ChangeFeedRow, pascalCase: boolean): Record<string, unknown> {
  const entry: Record<string, unknown> = {
    sequence: row.sequence,
    partitionName: row.instance.partition,
    studyInstanceUid: row.instance.studyUid,
    seriesInstanceUid: row.instance.seriesUid,
    sopInstanceUid: row.instance.instanceUid,
    action: pascalCase ? row.action.toLowerCase() : row.action,
    timestamp: row.timestamp,
    state: pascalCase ? stateOf(row).toLowerCase() : stateOf(row),
  };
  if (!pascalCase) return entry;
  return Object.fromEntries(Object.entries(entry).map(([name, value]) => [capitalised(name), value]));
}

function metadataTextOf(row: ChangeFeedRow): string | undefined {
  if (row.instance.current !== undefined && row.instance.metadataLost) {
    throw new RequestRefused(500, 'The server encountered an internal error');
  }
  return row.instance.current?.metadataText;
}

function capitalised(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** @returns a parameter that is `true` or `false` in any case. @throws {RequestRefused} for anything else */
function booleanOf(query: Query, name: string, preset: boolean): boolean {
  const text = query.get(name.toLowerCase());
  if (text === undefined) return preset;
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  throw new RequestRefused(400, `The value of '${name}' is not valid: expected 'true' or 'false'.`);
}

/** @returns the limit. @throws {RequestRefused} when it is no integer from 1 to `maximum` */
export function limitOf(query: Query, preset: number, maximum: number): number {
  const text = query.get('limit');
  if (text === undefined) return preset;
  const limit = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (limit >= 1 && limit <= maximum) return limit;
  throw new RequestRefused(400, `The limit must be between 1 and ${maximum}.`);
}

/** @returns the offset. @throws {RequestRefused} when it is no integer from 0 to 2^63-1 */
export function offsetOf(query: Query): number {
  const text = query.get('offset');
  if (text === undefined) return 0;
  if (!/^[+-]?\d+$/.test(text)) throw new RequestRefused(400, "The value of 'offset' is not a valid number.");
  const offset = BigInt(text);
  if (offset < 0n) throw new RequestRefused(400, 'The offset cannot be negative.');
  if (offset > MAX_INT64) throw new RequestRefused(400, "The value of 'offset' is not a valid number.");
  return Number(offset);
}

function timeSpanOf(query: Query): readonly [startMs: number, endMs: number] {
  const start = timeOf(query, 'startTime') ?? Number.NEGATIVE_INFINITY;
  const end = timeOf(query, 'endTime') ?? Number.POSITIVE_INFINITY;
  if (end <= start) throw new RequestRefused(400, 'The start of the time range must occur strictly before its end.');
  return [start, end];
}

function timeOf(query: Query, name: string): number | undefined {
  const text = query.get(name.toLowerCase());
  if (text === undefined) return undefined;
  const milliseconds = Date.parse(text);
  if (Number.isNaN(milliseconds)) throw new RequestRefused(400, `The value of '${name}' is not a valid date and time.`);
  if (!ZONED_DATE_TIME.test(text)) throw new RequestRefused(400, `The value of '${name}' must specify a time zone.`);
  return milliseconds;
}
