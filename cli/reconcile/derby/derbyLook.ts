import { BUCKET_BITS } from '../../../src/payloads/database/audit';
import type { AuditBucket, LookAnswer, LookQuery } from '../../../src/payloads/database/fhirDatabase';
import { UntrustedLook } from '../../../src/payloads/database/untrustedLook';
import type { PayloadKey } from '../../../src/payloads/blobName';
import type { OrphanReason } from '../../../src/payloads/verdict';
import type { DerbyBridge } from './derbyBridge';
import { instantOf, integerOf, textOf } from './derbyValues';
import { tableOf } from './derbyTables';

interface VersionRow {
  readonly version: number;
  readonly key: string | null;
  readonly isDeleted: boolean;
  readonly resourceId: bigint;
  readonly lastUpdated: Date;
}

/**
 * Looks up the payloads of one type by type, id, version and key together, with one execution of a prepared statement for each logical id.
 * @throws UntrustedLook when a canary is missing
 * @throws DerbyFailure
 */
export async function lookUpInDerby(
  derby: DerbyBridge,
  schema: string,
  query: Pick<LookQuery, 'type' | 'payloads' | 'canaries' | 'auditBefore'>,
): Promise<LookAnswer> {
  const { payloads, canaries = [], type, auditBefore } = query;
  const all = [...payloads, ...canaries];
  if (all.some(({ typeId }) => typeId !== type.id)) throw new TypeError('A look is about the payloads of one type');
  const rowsById = await readVersions(derby, schema, type.name, all);
  const liveRows = new Map<bigint, VersionRow>();
  const orphans = new Map<number, OrphanReason>();
  for (const [place, payload] of all.entries()) {
    const versions = (rowsById.get(payload.logicalId) ?? []).filter(({ version }) => version === payload.version);
    const live = versions.find((row) => row.key === payload.key && !row.isDeleted);
    if (live === undefined && place >= payloads.length) throw new UntrustedLook('canary-missing');
    if (live === undefined) orphans.set(place, reasonOf(payload, versions));
    else if (place < payloads.length) liveRows.set(live.resourceId, live);
  }
  return { orphans, buckets: auditBefore === undefined ? [] : countByBucket([...liveRows.values()], auditBefore) };
}

function reasonOf({ key }: PayloadKey, versions: readonly VersionRow[]): OrphanReason {
  if (versions.some((row) => row.key === key)) return 'deleted-version';
  return versions.length > 0 ? 'other-key' : 'no-row';
}

async function readVersions(
  derby: DerbyBridge,
  schema: string,
  typeName: string,
  payloads: readonly PayloadKey[],
): Promise<ReadonlyMap<string, readonly VersionRow[]>> {
  const ranges = new Map<string, { least: number; most: number }>();
  for (const { logicalId, version } of payloads) {
    const { least, most } = ranges.get(logicalId) ?? { least: version, most: version };
    ranges.set(logicalId, { least: Math.min(least, version), most: Math.max(most, version) });
  }
  const asked = [...ranges];
  if (asked.length === 0) return new Map();
  const results = await derby.query(
    `select lr.logical_id, r.version_id, r.resource_payload_key, r.is_deleted, r.resource_id, r.last_updated
       from ${tableOf(schema, typeName, '_LOGICAL_RESOURCES')} lr
       join ${tableOf(schema, typeName, '_RESOURCES')} r on r.logical_resource_id = lr.logical_resource_id
      where lr.logical_id = ? and r.version_id between ? and ?`,
    asked.map(([id, { least, most }]) => [id, String(least), String(most)]),
  );
  return new Map(
    asked.map(([id], place) => {
      // Derby ignores blanks at the end of a text when it compares, and a territory-based collation may ignore more.
      const rows = (results[place] ?? []).filter(([logicalId]) => logicalId === id);
      return [id, rows.map(versionRow)];
    }),
  );
}

function versionRow([, version, key, isDeleted, resourceId, lastUpdated]: readonly (string | null)[]): VersionRow {
  return {
    version: integerOf(version),
    key: key ?? null,
    isDeleted: textOf(isDeleted) !== 'N',
    resourceId: BigInt(textOf(resourceId)),
    lastUpdated: instantOf(lastUpdated),
  };
}

function countByBucket(rows: readonly VersionRow[], before: Date): readonly AuditBucket[] {
  const buckets = new Map<number, AuditBucket>();
  for (const { resourceId, lastUpdated } of rows) {
    if (lastUpdated.getTime() >= before.getTime()) continue;
    const bucket = Number(resourceId >> BigInt(BUCKET_BITS));
    const { count, sum } = buckets.get(bucket) ?? { count: 0, sum: 0n };
    buckets.set(bucket, { bucket, count: count + 1, sum: sum + resourceId });
  }
  return [...buckets.values()];
}
