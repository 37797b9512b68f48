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
const FAST_PAGE_WIDTH = 100;

interface FeedEntry {
  readonly sequence: number;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly action: 'Create' | 'Update' | 'Delete';
  readonly state: 'Current' | 'Replaced' | 'Deleted';
  readonly metadata?: Readonly<Record<string, { readonly Value?: readonly unknown[] }>>;
}

/** The loop with its cursor. */
export interface OldLoop {
  /**
   * Works off the feed page by page, entry by entry.
   * @param most stops after the page that reaches so many entries
   * @returns entries worked off
   */
  run(most: number, signal: AbortSignal): Promise<number>;
  /**
   * Not what the old loop did: takes the next entries of the feed study by study and writes each study once, so that a long feed can be
   * sampled at several places.
   * @param most stops after the page that reaches so many entries
   */
  fastForward(most: number, signal: AbortSignal): Promise<void>;
}

export function oldLoop(deps: OldLoopDependencies): OldLoop {
  let sequence = 0;

  async function page(width: number, signal: AbortSignal): Promise<readonly FeedEntry[] | 'end'> {
    const newest = await get(deps, '/v1/changefeed/latest?includeMetadata=false', signal);
    const latest = (newest as FeedEntry | undefined)?.sequence ?? 0;
    const path = `/v1/changefeed?offset=${sequence}&limit=${width}&includeMetadata=true`;
    const entries = ((await get(deps, path, signal)) ?? []) as readonly FeedEntry[];
    if (entries.length === 0 && latest <= sequence) return 'end';
    sequence = entries.at(-1)?.sequence ?? sequence + width;
    return entries.filter(({ action, state }) => action !== 'Create' || state !== 'Deleted');
  }

  return {
    async run(most, signal) {
      for (let done = 0; done < most;) {
        const entries = await page(PAGE_WIDTH, signal);
        if (entries === 'end') return done;
        for (const entry of entries) await processEntry(deps, entry, signal);
        done += entries.length;
        const state = { partitionKey: 'SyncState', rowKey: 'SyncState', SyncedSequence: String(sequence) };
        await deps.stateTable.upsertEntity(state, 'Replace', { abortSignal: signal });
        if (done >= most) return done;
      }
      return 0;
    },
    async fastForward(most, signal) {
      const byStudy = new Map<string, FeedEntry[]>();
      for (let done = 0; done < most;) {
        const entries = await page(Math.min(FAST_PAGE_WIDTH, most - done), signal);
        if (entries === 'end') break;
        done += entries.length;
        for (const entry of entries) {
          const { studyInstanceUid } = entry;
          byStudy.set(studyInstanceUid, [...(byStudy.get(studyInstanceUid) ?? []), entry]);
        }
      }
      for (const [first, ...rest] of byStudy.values()) {
        if (first === undefined) continue;
        await processEntry(deps, first, signal);
        await takeAtOnce(deps, first.studyInstanceUid, rest, signal);
      }
    },
  };
}

async function takeAtOnce(
  deps: OldLoopDependencies,
  uid: string,
  entries: readonly FeedEntry[],
  signal: AbortSignal,
): Promise<void> {
  const found = await single<ImagingStudy>(deps.fhir, 'ImagingStudy', studyQuery(uid), signal);
  if (found === undefined || entries.length === 0) return;
  const study = structuredClone(found.resource);
  for (const entry of entries) {
    if (entry.action === 'Delete') removeInstance(study, entry);
    else addInstance(study, entry);
  }
  await deps.fhir.transaction([updateOrDelete(study, found)], signal);
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

function valueOf(entry: FeedEntry, tag: string): string {
  const first = entry.metadata?.[tag]?.Value?.[0];
  return typeof first === 'string' ? first : '';
}

function patientName(entry: FeedEntry): string {
  const [name] = (entry.metadata?.['00100010']?.Value ?? []) as readonly { readonly Alphabetic?: string }[];
  return name?.Alphabetic ?? '';
}

async function processEntry(deps: OldLoopDependencies, entry: FeedEntry, signal: AbortSignal): Promise<void> {
  const patientId = valueOf(entry, '00100020');
  const patientQuery: FhirQuery = [['identifier', `|${patientId}`]];
  const patient =
    entry.metadata === undefined ? undefined : await single<Patient>(deps.fhir, 'Patient', patientQuery, signal);
  const endpoint = await single<Endpoint>(deps.fhir, 'Endpoint', endpointQuery(deps.dicomUrl), signal);
  const found = await single<ImagingStudy>(deps.fhir, 'ImagingStudy', studyQuery(entry.studyInstanceUid), signal);
  const entries: TransactionEntry[] = [];
  if (endpoint === undefined)
    entries.push(create(ENDPOINT_URL, newEndpoint(deps.dicomUrl), endpointQuery(deps.dicomUrl)));
  if (entry.action === 'Delete') {
    if (found !== undefined) {
      const study = structuredClone(found.resource);
      if (removeInstance(study, entry)) entries.push(updateOrDelete(study, found));
    }
  } else {
    if (patient === undefined)
      entries.push(create(PATIENT_URL, newPatient(patientId, patientName(entry)), patientQuery));
    const subject = patient === undefined ? PATIENT_URL : `Patient/${patient.id}`;
    const endpointReference = endpoint === undefined ? ENDPOINT_URL : `Endpoint/${endpoint.id}`;
    const study =
      found === undefined
        ? newStudy(entry.studyInstanceUid, subject, endpointReference)
        : structuredClone(found.resource);
    addInstance(study, entry);
    if (found === undefined) entries.push(create(STUDY_URL, study, studyQuery(entry.studyInstanceUid)));
    else if (JSON.stringify(study) !== JSON.stringify(found.resource)) entries.push(updateOrDelete(study, found));
  }
  if (entries.length > 0) await deps.fhir.transaction(entries, signal);
}

function studyQuery(uid: string): FhirQuery {
  return [['identifier', `urn:dicom:uid|urn:oid:${uid}`]];
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

function newStudy(uid: string, subject: string, endpoint: string): ImagingStudy {
  return {
    resourceType: 'ImagingStudy',
    status: 'available',
    subject: { reference: subject },
    identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${uid}` }],
    endpoint: [{ reference: endpoint }],
  };
}

/** Finds or appends series and instance, as its property synchronizers did. Absolute systems, so that the server takes it. */
function addInstance(study: ImagingStudy, entry: FeedEntry): void {
  study.note = [{ text: valueOf(entry, '00081030') }];
  const series = (study.series ??= []);
  let found = series.find(({ uid }) => uid === entry.seriesInstanceUid);
  if (found === undefined)
    series.push(
      (found = {
        uid: entry.seriesInstanceUid,
        modality: { system: 'http://dicom.nema.org/resources/ontology/DCM', code: valueOf(entry, '00080060') },
        description: valueOf(entry, '0008103E'),
      }),
    );
  const instances = (found.instance ??= []);
  if (instances.some(({ uid }) => uid === entry.sopInstanceUid)) return;
  instances.push({
    uid: entry.sopInstanceUid,
    sopClass: { system: 'urn:ietf:rfc:3986', code: `urn:oid:${valueOf(entry, '00080016')}` },
    number: Number(entry.metadata?.['00200013']?.Value?.[0] ?? 0),
  });
}

/** @returns whether the instance was there */
function removeInstance(study: ImagingStudy, entry: FeedEntry): boolean {
  const series = study.series?.find(({ uid }) => uid === entry.seriesInstanceUid);
  if (!series?.instance?.some(({ uid }) => uid === entry.sopInstanceUid)) return false;
  series.instance = series.instance.filter(({ uid }) => uid !== entry.sopInstanceUid);
  study.series = study.series?.filter(({ instance }) => instance !== undefined && instance.length > 0) ?? [];
  return true;
}

function updateOrDelete(study: ImagingStudy, { id, etag }: Found<ImagingStudy>): TransactionEntry {
  return (study.series ?? []).length === 0
    ? { kind: 'delete', type: 'ImagingStudy', id }
    : { kind: 'update', resource: study, id, etag };
}
