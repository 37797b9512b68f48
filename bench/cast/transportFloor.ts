import { odata, type TableClient } from '@azure/data-tables';
import type { HttpResponse, StreamingHttpClient } from '../../src/http/httpClient';
import { readStudyMessage, type StudyChange } from '../../src/study/message';
import { patientLock } from '../../src/study/patientLock';
import type { StudyQueue } from '../../src/study/studyQueue';

export interface FloorDependencies {
  readonly dicomUrl: string;
  readonly fhirUrl: string;
  readonly dicomHttp: StreamingHttpClient;
  readonly fhirHttp: StreamingHttpClient;
  readonly syncStateTable: TableClient;
  readonly failedEntriesTable: TableClient;
  readonly patientLocks: TableClient;
}

/** What the requests of Cast cost by themselves, when all its studies and patients are new. */
export interface TransportFloor {
  pull(queue: StudyQueue, signal: AbortSignal): Promise<{ readonly entries: number }>;
  sync(message: unknown, invocationId: string, signal: AbortSignal): Promise<void>;
}

const ROUND = 1000;
/** Cast's transaction for a study: so much for each instance, and so much besides. */
const BYTES_PER_INSTANCE = 130;
const BYTES_PER_STUDY = 1700;

/**
 * A loop that moves the bytes that Cast moves, through the same clients: the feed, a message for each study of a round, mark, list, search,
 * metadata, lease, transaction, settle. Of what it receives it reads only which studies there are.
 */
export function transportFloor(deps: FloorDependencies): TransportFloor {
  const { dicomUrl, fhirUrl, dicomHttp, fhirHttp } = deps;
  let sequence = 0;
  const written = new Set<string>();
  // Nothing but requests either: without it, they would not be those of Cast.
  const lock = patientLock(deps.patientLocks);

  const get = (http: StreamingHttpClient, url: string, signal: AbortSignal): Promise<HttpResponse> =>
    http.send({ method: 'GET', url, headers: { 'cache-control': 'no-cache' }, signal });

  async function drop(url: string, signal: AbortSignal): Promise<void> {
    const { chunks } = await dicomHttp.stream({
      method: 'GET',
      url,
      headers: { accept: 'application/dicom+json' },
      signal,
    });
    let sizeBytes = 0;
    for await (const chunk of chunks) sizeBytes += chunk.byteLength;
    if (sizeBytes === 0) throw new Error('The metadata is empty');
  }

  async function readRound(latest: number, signal: AbortSignal): Promise<readonly Entry[]> {
    const count = Math.ceil(Math.min(ROUND, latest - sequence) / 100);
    const windows = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        get(
          dicomHttp,
          `${dicomUrl}/v1/changefeed?offset=${sequence + index * 100}&limit=100&includeMetadata=false`,
          signal,
        ),
      ),
    );
    return windows.flatMap(({ body }) => JSON.parse(body) as readonly Entry[]);
  }

  function createdUnderLease(patient: string, body: string, signal: AbortSignal): Promise<void> {
    const work = async (): Promise<void> => {
      await get(fhirHttp, `${fhirUrl}/Patient?identifier=${patient}`, signal);
      await post(body, signal);
      await get(fhirHttp, `${fhirUrl}/Patient?identifier=${patient}`, signal);
    };
    return lock.hold(patient, work, signal);
  }

  const post = (body: string, signal: AbortSignal): Promise<HttpResponse> =>
    fhirHttp.send({ method: 'POST', url: fhirUrl, headers: { 'content-type': 'application/fhir+json' }, body, signal });

  return {
    async pull(queue, signal) {
      const from = sequence;
      for (;;) {
        const [newest] = await Promise.all([
          get(dicomHttp, `${dicomUrl}/v1/changefeed/latest?includeMetadata=false`, signal),
          queue.depth(signal),
        ]);
        const latest = newest.body === '' ? 0 : (JSON.parse(newest.body) as Entry).sequence;
        const entries = await readRound(latest, signal);
        const cursor = { partitionKey: 'floor', rowKey: 'floor', sequence: String(sequence) };
        await deps.syncStateTable.upsertEntity(cursor, 'Replace', { abortSignal: signal });
        if (entries.length === 0) return { entries: sequence - from };
        await Promise.all(
          [...grouped(entries)].map(([uid, changes]) => queue.send(messageFor(uid, changes), { signal })),
        );
        sequence = Math.max(...entries.map((entry) => entry.sequence));
      }
    },
    async sync(input, invocationId, signal) {
      const { study } = readStudyMessage(input);
      const { uid } = study;
      const table = deps.failedEntriesTable;
      const key = { partitionKey: uid, rowKey: `~${invocationId}` };
      const mark = await table.upsertEntity({ ...key, startedAt: new Date().toISOString() }, 'Replace', {
        abortSignal: signal,
      });
      const rows = table.listEntities({ queryOptions: { filter: odata`PartitionKey eq ${uid}` }, abortSignal: signal });
      for await (const page of rows.byPage()) if (page.length === 0) break;
      await Promise.all([
        get(fhirHttp, `${fhirUrl}/ImagingStudy?identifier=urn:dicom:uid|urn:oid:${uid}`, signal),
        drop(`${dicomUrl}/v2/studies/${uid}/metadata`, signal),
      ]);
      await get(fhirHttp, `${fhirUrl}/Patient?identifier=${uid}`, signal);
      const instances = readStudyMessage(input).changes.length;
      const text = ' '.repeat(BYTES_PER_STUDY + instances * BYTES_PER_INSTANCE);
      const body = `{"resourceType":"Bundle","type":"transaction"${text}}`;
      if (written.has(uid)) await post(body, signal);
      else await createdUnderLease(uid, body, signal);
      written.add(uid);
      await table.deleteEntity(key.partitionKey, key.rowKey, { etag: mark.etag ?? '*', abortSignal: signal });
    },
  };
}

interface Entry {
  readonly sequence: number;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
}

function grouped(entries: readonly Entry[]): ReadonlyMap<string, StudyChange[]> {
  const studies = new Map<string, StudyChange[]>();
  for (const { sequence, studyInstanceUid, seriesInstanceUid, sopInstanceUid } of entries) {
    const changes = studies.get(studyInstanceUid) ?? [];
    studies.set(studyInstanceUid, changes);
    changes.push({ sequence, action: 'Create', series: seriesInstanceUid, instance: sopInstanceUid });
  }
  return studies;
}

function messageFor(uid: string, changes: readonly StudyChange[]): Parameters<StudyQueue['send']>[0] {
  return { study: { partition: 'Microsoft.Default', uid }, changes };
}
