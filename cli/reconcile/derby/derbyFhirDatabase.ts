import { BUCKET_BITS } from '../../../src/payloads/database/audit';
import { quoteIdentifier } from '../../../src/payloads/database/database';
import {
  isSameDatabase,
  type DatabaseIdentity,
  type DatabaseState,
} from '../../../src/payloads/database/databaseIdentity';
import type { FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import { OpenTransaction } from '../../../src/payloads/database/openTransaction';
import type { ResourceType } from '../../../src/payloads/database/resourceTypes';
import { UntrustedLook } from '../../../src/payloads/database/untrustedLook';
import type { DerbySettings } from '../../../src/payloads/configuration/derbySettings';
import { payloadBlobName, type PayloadKey } from '../../../src/payloads/blobName';
import type { DerbyBridge, DerbyRow } from './derbyBridge';
import { lookUpInDerby } from './derbyLook';
import { readDerbyTypes, schemasOfServers, tableOf } from './derbyTables';
import { instantOf, integerOf, textOf, timestampOf } from './derbyValues';

/** Rows of live payloads that are older than a time. */
const LIVE = `r.is_deleted = 'N' and r.resource_payload_key is not null and r.last_updated < ?`;

const BUCKET_SIZE = 1 << BUCKET_BITS;

/**
 * The database of a FHIR server that runs on embedded Derby. While it is open here no server has it open,
 * so there is no other transaction, and no replica.
 */
export function derbyFhirDatabase(derby: DerbyBridge, { schema, folder }: DerbySettings): FhirDatabase {
  const rowsOf = async (statement: string, values: DerbyRow = []): Promise<readonly DerbyRow[]> => {
    const [rows = []] = await derby.query(statement, [values]);
    return rows;
  };
  const versions = (type: ResourceType): string => tableOf(schema, type.name, '_RESOURCES');
  const resources = (type: ResourceType): string => tableOf(schema, type.name, '_LOGICAL_RESOURCES');
  const joined = (type: ResourceType): string =>
    `${versions(type)} r join ${resources(type)} lr on lr.logical_resource_id = r.logical_resource_id`;

  /** A copy of the folder has the same id of its own, but another path. */
  const identity = async (): Promise<DatabaseIdentity> => {
    const [[id, relation] = []] = await rowsOf(
      `select syscs_util.syscs_get_database_property('derby.databaseID'), t.tableid
         from sys.systables t join sys.sysschemas s on s.schemaid = t.schemaid
        where s.schemaname = ? and t.tablename = 'LOGICAL_RESOURCES'`,
      [schema],
    );
    return { cluster: textOf(id), timeline: undefined, database: folder, relation: textOf(relation) };
  };
  const requireSame = async (meant: DatabaseIdentity): Promise<void> => {
    if (!isSameDatabase(await identity(), meant)) throw new UntrustedLook('other-database');
  };

  return {
    description: `Derby ${folder}, schema ${schema}`,
    resourceTypes: () => readDerbyTypes(derby, schema),

    async state(): Promise<DatabaseState> {
      const [[newest] = []] = await rowsOf(
        `select max(last_updated) from ${quoteIdentifier(schema)}.LOGICAL_RESOURCES`,
      );
      return {
        identity: await identity(),
        isStandby: false,
        subscribedTables: 0,
        collationChanged: false,
        newest: newest === null ? undefined : instantOf(newest),
      };
    },

    /** Transactions of the server ended with its process; those that a transaction manager has prepared outlive it. */
    async drain(request) {
      await requireSame(request.identity);
      const rows = await rowsOf(
        `select global_xid from syscs_diag.transaction_table where global_xid is not null and status = 'PREPARED'`,
      );
      if (rows.length > 0)
        throw new OpenTransaction(
          'prepared',
          rows.map(([id]) => textOf(id)),
        );
      return { oldestAgeMs: 0 };
    },

    async look(query) {
      if (query.deciding) await requireSame(query.identity);
      return lookUpInDerby(derby, schema, query);
    },

    async sampleRows(type, before, count) {
      const sample = async (order: string): Promise<readonly DerbyRow[]> =>
        rowsOf(
          `select lr.logical_id, x.version_id, x.resource_payload_key
             from (select r.logical_resource_id, r.version_id, r.resource_payload_key from ${versions(type)} r
                    where ${LIVE} order by ${order} fetch first ${count} rows only) x
             join ${resources(type)} lr on lr.logical_resource_id = x.logical_resource_id`,
          [timestampOf(before)],
        );
      const rows = [...(await sample('r.last_updated desc')), ...(await sample('random()'))];
      const found = rows.map((row) => payloadOf(type, row));
      return [...new Map(found.map((payload) => [payloadBlobName(payload), payload])).values()];
    },

    otherSchemas: async () => (await schemasOfServers(derby)).filter((name) => name !== schema),

    async foundInSchema(other, payloads) {
      const types = await readDerbyTypes(derby, other);
      const found = new Set<number>();
      for (const type of types.values()) {
        const places = [...payloads.keys()].filter((place) => payloads[place]?.typeId === type.id);
        const asked = places.map((place) => payloads[place]).filter((payload) => payload !== undefined);
        const { orphans } = await lookUpInDerby(derby, other, { type, payloads: asked });
        for (const [index, place] of places.entries()) {
          const reason = orphans.get(index);
          if (reason === undefined || reason === 'deleted-version') found.add(place);
        }
      }
      return found;
    },

    /** Derby's statistics are not to be had by a query. */
    estimatedRows: () => Promise.resolve(new Map()),
    logicalIdBounds: () => Promise.resolve([]),

    async auditBuckets(type, before) {
      const rows = await rowsOf(
        `select bucket, count(*), sum(id) from
           (select r.resource_id / ${BUCKET_SIZE} as bucket, r.resource_id as id from ${versions(type)} r where ${LIVE}) live
          group by bucket`,
        [timestampOf(before)],
      );
      return rows.map(([bucket, count, sum]) => ({
        bucket: integerOf(bucket),
        count: integerOf(count),
        sum: BigInt(textOf(sum)),
      }));
    },

    async auditRows(type, bucket, before) {
      const rows = await rowsOf(
        `select lr.logical_id, r.version_id, r.resource_payload_key,
                case when lr.current_resource_id = r.resource_id then 'Y' else 'N' end
           from ${joined(type)} where ${LIVE} and r.resource_id between ? and ?`,
        [timestampOf(before), String(bucket * BUCKET_SIZE), String(bucket * BUCKET_SIZE + BUCKET_SIZE - 1)],
      );
      return rows.map((row) => ({ payload: payloadOf(type, row), isCurrent: row[3] === 'Y' }));
    },

    async neverStored(type, before, limit) {
      const where = `r.is_deleted = 'N' and r.data is null and r.resource_payload_key is null and r.last_updated < ?`;
      const then = timestampOf(before);
      const [[count] = []] = await rowsOf(`select count(*) from ${versions(type)} r where ${where}`, [then]);
      if (limit < 1) return { count: integerOf(count), examples: [] };
      const rows = await rowsOf(
        `select lr.logical_id, r.version_id from ${joined(type)} where ${where} order by r.resource_id fetch first ${limit} rows only`,
        [then],
      );
      const examples = rows.map(([logicalId, version]) => ({
        typeId: type.id,
        logicalId: textOf(logicalId),
        version: integerOf(version),
      }));
      return { count: integerOf(count), examples };
    },

    close: () => derby.close(),
  };
}

function payloadOf(type: ResourceType, [logicalId, version, key]: DerbyRow): PayloadKey {
  return { typeId: type.id, logicalId: textOf(logicalId), version: integerOf(version), key: textOf(key) };
}
