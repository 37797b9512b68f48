import { payloadBlobName, type PayloadKey } from '../blobName';
import { DatabaseFailure } from '../database/databaseFailure';
import type { FhirDatabase } from '../database/fhirDatabase';
import type { GuardFinding } from './guards';

const BATCH = 5000;

/**
 * Looks the payloads that are to be deleted up in every other schema of the database that belongs to a FHIR server.
 * @param skipped schemas that the operator says do not matter
 * @returns a finding for each schema that has one of them, or that the role may not read
 */
export async function guardOtherTenant(
  database: Pick<FhirDatabase, 'otherSchemas' | 'foundInSchema'>,
  candidates: readonly PayloadKey[],
  skipped: readonly string[] = [],
): Promise<readonly GuardFinding[]> {
  if (candidates.length === 0) return [];
  const findings: GuardFinding[] = [];
  for (const schema of await database.otherSchemas()) {
    if (skipped.includes(schema)) continue;
    const problem = await problemOf(database, schema, candidates);
    if (problem !== undefined)
      findings.push({ guard: 'other-tenant', problem, override: { name: 'other-tenant', value: [schema] } });
  }
  return findings;
}

async function problemOf(
  database: Pick<FhirDatabase, 'foundInSchema'>,
  schema: string,
  candidates: readonly PayloadKey[],
): Promise<string | undefined> {
  try {
    for (let start = 0; start < candidates.length; start += BATCH) {
      const batch = candidates.slice(start, start + BATCH);
      const [place] = await database.foundInSchema(schema, batch);
      const payload = place === undefined ? undefined : batch[place];
      if (payload !== undefined)
        return `The payload ${payloadBlobName(payload)} and perhaps others have their rows in the schema ${schema}: the container is used by another tenant too, or this run uses the wrong schema. Check both. Only if that schema is a leftover copy, give its name.`;
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.isTransient) throw error;
    return `The schema ${schema} looks like that of another tenant and cannot be read, so it may hold rows of payloads in this container. Grant USAGE and SELECT on it, or, if it has nothing to do with this container, give its name. ${error.message}`;
  }
}
