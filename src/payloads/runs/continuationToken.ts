import { createHash } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '../../http/json';
import type { RunMode } from './run';

/** Where a later run goes on, bound to what was scanned and how. */
export interface ContinuationPoint {
  readonly account: string;
  readonly container: string;
  readonly tenantId: string;
  readonly dsId: string;
  readonly mode: RunMode;
  readonly resourceTypes?: readonly string[] | undefined;
  /** every name up to this one was judged */
  readonly after?: string | undefined;
  /** every name before this one was judged */
  readonly from?: string | undefined;
  /** of the storage, for a service that cannot list from a name on */
  readonly marker?: string | undefined;
  /** whose shards go on, if its rows are still there */
  readonly runId: string;
}

/** What the run that continues is about to scan. */
export type ContinuationTarget = Pick<
  ContinuationPoint,
  'account' | 'container' | 'tenantId' | 'dsId' | 'mode' | 'resourceTypes'
>;

/** The token cannot be continued from; the message says why. */
export class InvalidToken extends Error {
  readonly code = 'InvalidToken';
  override readonly name = 'InvalidToken';
}

const PREFIX = 'r1.';

const schema = z.object({
  account: z.string(),
  container: z.string(),
  tenantId: z.string(),
  dsId: z.string(),
  mode: z.enum(['report', 'delete', 'quarantine']),
  resourceTypes: z.array(z.string()).optional(),
  after: z.string().optional(),
  from: z.string().optional(),
  marker: z.string().optional(),
  runId: z.string(),
});

const sealed = z.object({ point: schema, seal: z.string() });

const sealOf = (point: ContinuationPoint): string =>
  createHash('sha256')
    .update(JSON.stringify(schema.parse(point)))
    .digest('base64url')
    .slice(0, 12);

export function writeToken(point: ContinuationPoint): string {
  const text = JSON.stringify({ point: schema.parse(point), seal: sealOf(point) });
  return `${PREFIX}${Buffer.from(text).toString('base64url')}`;
}

/**
 * A token of a report does not continue a delete run: it would skip the orphans before it, which nobody deleted.
 * @throws InvalidToken also for a token of the Java tool, which is a marker that only the storage understands
 */
export function readToken(token: string, target: ContinuationTarget): ContinuationPoint {
  if (!token.startsWith(PREFIX))
    throw new InvalidToken(
      'The token is none of ours. One of the Java tool cannot be continued: start without a token.',
    );
  const read = sealed.safeParse(parseJson(Buffer.from(token.slice(PREFIX.length), 'base64url').toString('utf8')));
  if (!read.success || read.data.seal !== sealOf(read.data.point))
    throw new InvalidToken('The token is damaged: copy the whole of it.');
  const { point } = read.data;
  if (point.account !== target.account || point.container !== target.container)
    throw new InvalidToken('The token is of another container.');
  if (point.tenantId !== target.tenantId || point.dsId !== target.dsId)
    throw new InvalidToken('The token is of another tenant or datasource.');
  if (point.mode !== target.mode)
    throw new InvalidToken(
      `The token is of a run in mode ${point.mode}, this one is in mode ${target.mode}: it would skip names that were not dealt with in this mode.`,
    );
  if (JSON.stringify(point.resourceTypes) !== JSON.stringify(target.resourceTypes))
    throw new InvalidToken('The token is of a run over other resource types.');
  return point;
}
