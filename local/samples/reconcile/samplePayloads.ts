import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { samplesFolder } from '../samples';

/** The tables of a FHIR server and the payloads that it stored, some of them orphaned: see the README of this folder. */

const folder = join(samplesFolder(), 'reconcile');
const unpacked = (name: string): string => gunzipSync(readFileSync(join(folder, name))).toString('utf8');

/** Payloads that rows point at and that are not in the container. The guard that samples rows takes their names as an override. */
export const LOST_PAYLOADS = [
  '104/pat-0002/1/3e3023f3-2e1d-4b4d-9def-c80127357b95',
  '104/pat-0007/1/e8135312-607a-4ad2-91f1-37fadc6634fa',
  '104/pat-0010/4/3fa3f83a-6917-48ba-a89b-bfcdd43a8fc1',
];

export interface SamplePayload {
  readonly name: string;
  readonly body: string;
}

/** SQL that makes the tables of the schema `fhirdata`. */
export function sampleTables(): string {
  return readFileSync(join(folder, 'tables.sql'), 'utf8');
}

/** SQL that fills them. */
export function sampleRows(): string {
  return unpacked('golden-rows.sql.gz');
}

export function samplePayloads(): readonly SamplePayload[] {
  return unpacked('golden-blobs.ndjson.gz')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as SamplePayload);
}
