import type { Endpoint, ImagingStudy, Patient } from 'fhir/r4';
import type { TableClient } from '@azure/data-tables';
import type { FhirClient, Found, TransactionEntry } from '../../src/fhir/client';
import type { FhirQuery } from '../../src/fhir/query';
import type { StreamingHttpClient } from '../../src/http/httpClient';

/**
 * The algorithm of Microsoft's DICOM Cast as it was (microsoft/dicom-server, mid-2024), reimplemented straight: pages of ten sequence
 * numbers with metadata, one entry after the other, a search for Patient, Endpoint and ImagingStudy and a transaction for each entry,
 * the cursor written after each page. Only what costs time is here: no retries, no failure tables, no dose reports.
 */
export interface OldLoopDependencies {
  readonly http: StreamingHttpClient;
  readonly dicomUrl: string;
  readonly fhir: FhirClient;
  readonly stateTable: TableClient;
}

const PAGE_WIDTH = 10;

interface FeedEntry {
  readonly sequence: number;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly action: 'Create' | 'Update' | 'Delete';
  readonly state: 'Current' | 'Replaced' | 'Deleted';
  readonly metadata?: Readonly<Record<string, { readonly Value?: readonly unknown[] }>>;
}

/** Works off the feed from a cursor. @returns the cursor afterwards */
export async function runOldLoop(deps: OldLoopDependencies, from: number, signal: AbortSignal): Promise<number> {
  let sequence = from;
  for (;;) {
    const latest =
      ((await get(deps, '/v1/changefeed/latest?includeMetadata=false', signal)) as FeedEntry | undefined)?.sequence ??
      0;
    const path = `/v1/changefeed?offset=${sequence}&limit=${PAGE_WIDTH}&includeMetadata=true`;
    const entries = ((await get(deps, path, signal)) ?? []) as readonly FeedEntry[];
    if (entries.length === 0 && latest <= sequence) return sequence;
    for (const entry of entries) {
      if (entry.action === 'Create' && entry.state === 'Deleted') continue;
      await processEntry(deps, entry, signal);
    }
    sequence = entries.at(-1)?.sequence ?? sequence + PAGE_WIDTH;
    await deps.stateTable.upsertEntity(
      { partitionKey: 'SyncState', rowKey: 'SyncState', SyncedSequence: String(sequence) },
      'Replace',
      { abortSignal: signal },
    );
  }
}

async function get(deps: OldLoopDependencies, path: string, signal: AbortSignal): Promise<unknown> {
  const { body } = await deps.http.send({
    method: 'GET',
    url: deps.dicomUrl + path,
    headers: { accept: 'application/json' },
    signal,
  });
  return body === '' ? undefined : JSON.parse(body);
}

async function processEntry(deps: OldLoopDependencies, entry: FeedEntry, signal: AbortSignal): Promise<void> {
  const value = (tag: string): string => {
    const first = entry.metadata?.[tag]?.Value?.[0];
    return typeof first === 'string' ? first : '';
  };
  const patientQuery: FhirQuery = [['identifier', `|${value('00100020')}`]];
  const patient =
    entry.metadata === undefined ? undefined : await single<Patient>(deps.fhir, 'Patient', patientQuery, signal);
  const endpoint = await single<Endpoint>(deps.fhir, 'Endpoint', endpointQuery(deps.dicomUrl), signal);
  const studyQuery: FhirQuery = [['identifier', `urn:dicom:uid|urn:oid:${entry.studyInstanceUid}`]];
  const study = await single<ImagingStudy>(deps.fhir, 'ImagingStudy', studyQuery, signal);
  const entries: TransactionEntry[] = [];
  if (endpoint === undefined)
    entries.push(create(ENDPOINT_URL, newEndpoint(deps.dicomUrl), endpointQuery(deps.dicomUrl)));
  if (entry.action === 'Delete') {
    entries.push(...deletion(study, entry));
  } else {
    if (patient === undefined)
      entries.push(create(PATIENT_URL, newPatient(value('00100020'), value('00100010')), patientQuery));
    const subject = patient === undefined ? PATIENT_URL : `Patient/${patient.id}`;
    const endpointReference = endpoint === undefined ? ENDPOINT_URL : `Endpoint/${endpoint.id}`;
    const merged = merge(study?.resource, entry, subject, endpointReference, value);
    if (study === undefined) entries.push(create(STUDY_URL, merged, studyQuery));
    else if (JSON.stringify(merged) !== JSON.stringify(study.resource))
      entries.push({ kind: 'update', resource: merged, id: study.id, etag: study.etag });
  }
  if (entries.length > 0) await deps.fhir.transaction(entries, signal);
}

async function single<T extends Patient | Endpoint | ImagingStudy>(
  fhir: FhirClient,
  type: T['resourceType'],
  query: FhirQuery,
  signal: AbortSignal,
): Promise<Found<T> | undefined> {
  return (await fhir.search<T>(type, query, signal))[0];
}

const ENDPOINT_URL = 'urn:uuid:00000000-0000-4000-8000-000000000001';
const PATIENT_URL = 'urn:uuid:00000000-0000-4000-8000-000000000002';
const STUDY_URL = 'urn:uuid:00000000-0000-4000-8000-000000000003';

function create(
  fullUrl: string,
  resource: Patient | Endpoint | ImagingStudy,
  ifNoneExist: FhirQuery,
): TransactionEntry {
  return { kind: 'create', fullUrl, resource, ifNoneExist };
}

function endpointQuery(dicomUrl: string): FhirQuery {
  return [
    ['name', `DICOM WADO-RS endpoint ${dicomUrl}`],
    ['connection-type', 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type|dicom-wado-rs'],
  ];
}

function newEndpoint(dicomUrl: string): Endpoint {
  return {
    resourceType: 'Endpoint',
    status: 'active',
    name: `DICOM WADO-RS endpoint ${dicomUrl}`,
    connectionType: { system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type', code: 'dicom-wado-rs' },
    payloadType: [{ text: 'DICOM WADO-RS' }],
    payloadMimeType: ['application/dicom'],
    address: dicomUrl,
  };
}

function newPatient(id: string, name: string): Patient {
  return { resourceType: 'Patient', identifier: [{ value: id }], name: [{ use: 'usual', text: name }] };
}

/** Finds or appends series and instance, as its property synchronizers did. Absolute systems, so that the server takes it. */
function merge(
  existing: ImagingStudy | undefined,
  entry: FeedEntry,
  subject: string,
  endpoint: string,
  value: (tag: string) => string,
): ImagingStudy {
  const study: ImagingStudy =
    existing === undefined
      ? {
          resourceType: 'ImagingStudy',
          status: 'available',
          subject: { reference: subject },
          identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${entry.studyInstanceUid}` }],
          endpoint: [{ reference: endpoint }],
        }
      : structuredClone(existing);
  study.note = [{ text: value('00081030') }];
  const series = (study.series ??= []);
  let found = series.find(({ uid }) => uid === entry.seriesInstanceUid);
  if (found === undefined)
    series.push(
      (found = {
        uid: entry.seriesInstanceUid,
        modality: { system: 'http://dicom.nema.org/resources/ontology/DCM', code: value('00080060') },
      }),
    );
  const instances = (found.instance ??= []);
  if (!instances.some(({ uid }) => uid === entry.sopInstanceUid)) {
    instances.push({
      uid: entry.sopInstanceUid,
      sopClass: { system: 'urn:ietf:rfc:3986', code: `urn:oid:${value('00080016')}` },
    });
  }
  return study;
}

function deletion(found: Found<ImagingStudy> | undefined, entry: FeedEntry): readonly TransactionEntry[] {
  if (found === undefined) return [];
  const study = structuredClone(found.resource);
  const series = study.series?.find(({ uid }) => uid === entry.seriesInstanceUid);
  if (!series?.instance?.some(({ uid }) => uid === entry.sopInstanceUid)) return [];
  series.instance = series.instance.filter(({ uid }) => uid !== entry.sopInstanceUid);
  study.series = study.series?.filter(({ instance }) => instance !== undefined && instance.length > 0);
  if (study.series === undefined || study.series.length === 0)
    return [{ kind: 'delete', type: 'ImagingStudy', id: found.id }];
  return [{ kind: 'update', resource: study, id: found.id, etag: found.etag }];
}
