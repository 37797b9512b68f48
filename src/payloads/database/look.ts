import { InvalidDatabaseAnswer, quoteIdentifier, type Database } from './database';
import type { PayloadKey } from '../blobName';
import type { ResourceType } from './resourceTypes';
import type { OrphanReason } from '../verdict';

export interface LookRequest {
  readonly schema: string;
  readonly type: ResourceType;
  readonly payloads: readonly PayloadKey[];
  /** payloads of the same type that were found ok earlier in this scan: they must be ok now, or the look proves nothing */
  readonly canaries?: readonly PayloadKey[];
  /** whether deletes follow: then the answer must come from the primary */
  readonly deciding: boolean;
}

/** The look could not be trusted, so nothing may be concluded from it, and nothing deleted. */
export class UntrustedLook extends Error {
  override readonly name = 'UntrustedLook';
  constructor(readonly code: 'standby' | 'canary-missing') {
    super(
      code === 'standby'
        ? 'The database is a standby, which may lack rows that the primary has'
        : 'A payload that had its row a moment ago seems to have none',
    );
  }
}

/**
 * Looks up the payloads of one type by type, id, version and key together.
 * The statement returns the orphans, not the found ones; a failure or a time-out throws.
 * @returns the reason of each orphan, by its place in `payloads`; a place that is absent has a live row
 * @throws UntrustedLook when a canary is missing, or when a deciding look reached a standby
 */
export async function lookUp(database: Database, request: LookRequest): Promise<ReadonlyMap<number, OrphanReason>> {
  const { payloads, canaries = [], type, deciding } = request;
  const all = [...payloads, ...canaries];
  if (all.some(({ typeId }) => typeId !== type.id)) throw new TypeError('A look is about the payloads of one type');
  if (payloads.length === 0) return new Map();

  const statement = lookStatement(request.schema, type.name.toLowerCase());
  const rows = await database.readOnly(async (run) => {
    const [mode] = await run('select pg_is_in_recovery() as standby');
    if (typeof mode?.standby !== 'boolean')
      throw new InvalidDatabaseAnswer('The database did not say whether it is a standby');
    if (deciding && mode.standby) throw new UntrustedLook('standby');
    return run(statement, [
      all.map(({ logicalId }) => logicalId),
      all.map(({ version }) => version),
      all.map(({ key }) => key),
    ]);
  });

  const reasons = new Map<number, OrphanReason>();
  for (const { n, reason } of rows) {
    if (typeof n !== 'number' || n < 1 || n > all.length || !isOrphanReason(reason))
      throw new InvalidDatabaseAnswer('The look answered with something else than an orphan and its reason');
    if (n > payloads.length) throw new UntrustedLook('canary-missing');
    reasons.set(n - 1, reason);
  }
  return reasons;
}

/** The two materialized parts keep the planner from visiting all versions of a resource once for each of its blobs. */
function lookStatement(schema: string, table: string): string {
  const qualified = (suffix: string): string => `${quoteIdentifier(schema)}.${quoteIdentifier(`${table}${suffix}`)}`;
  return `with b as materialized (
  select n, id, v, k from unnest($1::text[], $2::int[], $3::text[]) with ordinality as u(id, v, k, n)
), have as materialized (
  select i.id, r.version_id as v, r.resource_payload_key as k, r.is_deleted as d
    from (select distinct id from b) i
    join ${qualified('_logical_resources')} lr on lr.logical_id = i.id
    join ${qualified('_resources')} r on r.logical_resource_id = lr.logical_resource_id
)
select b.n::int as n,
       case when bool_or(h.k = b.k) then 'deleted-version' when count(h.v) > 0 then 'other-key' else 'no-row' end as reason
  from b left join have h on h.id = b.id and h.v = b.v
 group by b.n
having bool_or(h.k = b.k and h.d = 'N') is not true`;
}

function isOrphanReason(value: unknown): value is OrphanReason {
  return value === 'no-row' || value === 'other-key' || value === 'deleted-version';
}
