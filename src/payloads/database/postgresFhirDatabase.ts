import { readAuditBuckets, readAuditRows, readNeverStored } from './audit';
import type { Database } from './database';
import { readDatabaseState } from './databaseIdentity';
import { drainTransactions } from './drain';
import type { FhirDatabase } from './fhirDatabase';
import { lookUp } from './look';
import { findInSchema, readOtherSchemas } from './otherSchemas';
import { readResourceTypes } from './resourceTypes';
import { readSampleRows } from './sampleRows';
import { readEstimatedRows, readLogicalIdBounds } from './statistics';

export interface PostgresFhirDatabaseOptions {
  /** of the tenant and datasource; the server's default is `fhirdata` */
  readonly schema: string;
  /** where it is, for a person, without a secret */
  readonly description: string;
}

/**
 * A FHIR server's schema in PostgreSQL, or in what speaks its language. It keeps nothing in memory, so that any process can go on with a
 * run: what must not change in between, the identity, is handed in.
 */
export function createPostgresFhirDatabase(
  database: Database,
  { schema, description }: PostgresFhirDatabaseOptions,
): FhirDatabase {
  return {
    description,
    resourceTypes: () => readResourceTypes(database, schema),
    state: () => readDatabaseState(database, schema),
    drain: (request) => drainTransactions(database, schema, request),
    look: (query) => lookUp(database, schema, query),
    sampleRows: (type, before, count) => readSampleRows(database, schema, type, before, count),
    otherSchemas: () => readOtherSchemas(database, schema),
    foundInSchema: (other, payloads) => findInSchema(database, other, payloads),
    estimatedRows: () => readEstimatedRows(database, schema),
    logicalIdBounds: (type) => readLogicalIdBounds(database, schema, type),
    auditBuckets: (type, before) => readAuditBuckets(database, schema, type, before),
    auditRows: (type, bucket, before) => readAuditRows(database, schema, type, bucket, before),
    neverStored: (type, before, limit) => readNeverStored(database, schema, type, before, limit),
    close: () => database.close(),
  };
}
