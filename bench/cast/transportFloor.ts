import { randomUUID } from 'node:crypto';
import { odata, type TableClient } from '@azure/data-tables';
import { shardOf, markKey, notEntries } from '../../src/failures/tableKeys';
import { studiesText } from '../../src/failures/shard';
import type { ChangeFeedClient, ChangeFeedEntry } from '../../src/feed/changeFeedClient';
import { readRound } from '../../src/feed/readRound';
import { groupByStudy, shareMessages } from '../../src/feed/round';
import type { HttpResponse, StreamingHttpClient } from '../../src/http/httpClient';
import type { Settings } from '../../src/settings';
import { deleteTogether } from '../../src/study/deleteTogether';
import { readStudyMessages, type StudyMessage } from '../../src/study/message';
import type { StudyQueue } from '../../src/study/studyQueue';
import { type Credit, credit } from './credit';
import type { Exchanged, FhirTraffic } from './fhirTraffic';

/** What Cast moved for a feed, as its own run has shown. */
export interface Moved {
  /** Looks at studies, each time that one was looked at. */
  readonly looks: number;
  /** Those among them that a look before asked for. */
  readonly looksAgain: number;
  readonly fhir: FhirTraffic;
  /** Requests to take locks of new Patients, and as many to give them back: together. */
  readonly lockRequests: number;
}

export interface FloorDependencies {
  readonly dicomUrl: string;
  readonly fhirUrl: string;
  readonly dicomHttp: StreamingHttpClient;
  readonly fhirHttp: StreamingHttpClient;
  readonly syncStateTable: TableClient;
  readonly failedEntriesTable: TableClient;
  readonly patientLocks: TableClient;
  readonly settings: Pick<Settings, 'ROUND_ENTRIES' | 'FEED_WINDOWS_IN_FLIGHT' | 'STUDIES_PER_MESSAGE'>;
}

/** What the requests of Cast cost by themselves. */
export interface TransportFloor {
  /** What it is to move for the feed that comes. */
  expect(moved: Moved): void;
  pull(queue: StudyQueue, signal: AbortSignal): Promise<{ readonly entries: number }>;
  sync(message: unknown, invocationId: string, queue: StudyQueue, signal: AbortSignal): Promise<void>;
}

/** Of what Cast moved, what is due for each study. */
interface Shares {
  readonly fhir: FhirRequests;
  readonly withLocks: ReturnType<typeof locks>;
  readonly again: Credit<undefined>;
}

/** Rows of one request to a table. */
const MAX_ROWS = 100;

/** The search that Cast sends while the metadata arrive; all other searches come after them. */
const BESIDE_METADATA = 'GET ImagingStudy';

/**
 * A loop that moves the bytes that Cast moves, through the same clients, and looks at nothing but which studies there are.
 * Rounds and messages are Cast's own (`readRound`, `groupByStudy`, `shareMessages`), with a mark, a list and a settle for each message and a
 * metadata request for each study. How many FHIR and lock requests Cast needs depends on what meets while it runs, so that is not guessed:
 * the floor gets the counts of Cast's run on the same feed and makes, study for study, as many of each kind on average, with URLs and bodies
 * as long. The FHIR server answers them with as many bytes, without any work of its own (services/answerBytes.ts), so that the rate of the
 * floor is more than any loop with these requests could reach on this machine.
 */
export function transportFloor(deps: FloorDependencies): TransportFloor {
  const { settings, failedEntriesTable } = deps;
  const feed = feedClient(deps);
  let sequence = 0;
  let shares: Shares | undefined;

  function due(): Shares {
    if (shares === undefined) throw new Error('The floor has to know what Cast moved');
    return shares;
  }

  async function saveCursor(signal: AbortSignal): Promise<void> {
    const cursor = { partitionKey: 'floor', rowKey: 'floor', sequence: String(sequence), at: new Date().toISOString() };
    await deps.syncStateTable.upsertEntity(cursor, 'Replace', { abortSignal: signal });
  }

  async function look({ uid }: StudyMessage['study'], signal: AbortSignal): Promise<void> {
    const { fhir, withLocks } = due();
    await Promise.all([
      fhir.send((kind) => kind === BESIDE_METADATA, signal),
      drop(deps.dicomHttp, `${deps.dicomUrl}/v2/studies/${uid}/metadata`, signal),
    ]);
    await fhir.send((kind) => kind.startsWith('GET ') && kind !== BESIDE_METADATA, signal);
    await withLocks(uid, () => fhir.send((kind) => !kind.startsWith('GET '), signal), signal);
  }

  return {
    expect(moved) {
      shares = {
        fhir: fhirRequests(deps, moved),
        withLocks: locks(deps.patientLocks, moved.lockRequests / 2 / moved.looks),
        again: credit(moved.looksAgain / moved.looks),
      };
    },
    async pull(queue, signal) {
      const from = sequence;
      const limits = { entries: settings.ROUND_ENTRIES, windowsInFlight: settings.FEED_WINDOWS_IN_FLIGHT };
      for (;;) {
        const [latest] = await Promise.all([feed.latest(signal), queue.depth(signal)]);
        if (latest.sequence === sequence) {
          await saveCursor(signal);
          return { entries: sequence - from };
        }
        const round = await readRound(feed, sequence, latest.sequence, limits, signal);
        const groups = shareMessages(groupByStudy(round.entries), settings.STUDIES_PER_MESSAGE);
        await Promise.all(
          groups.map((messages) => {
            const [message, ...others] = messages;
            if (message === undefined || others.length > 0) return queue.sendShared(messages, signal);
            return queue.send(message, { signal });
          }),
        );
        sequence = round.upTo;
        await saveCursor(signal);
      }
    },
    async sync(input, invocationId, queue, signal) {
      const messages = readStudyMessages(input);
      const studies = messages.map(({ study }) => study);
      const [first] = studies;
      if (first === undefined) return;
      const shard = shardOf(first);
      const mark = markKey(invocationId, first);
      const { etag = '*' } = await failedEntriesTable.upsertEntity(
        { partitionKey: shard, rowKey: mark, studies: studiesText(studies), startedAt: new Date().toISOString() },
        'Replace',
        { abortSignal: signal },
      );
      const filter = odata`PartitionKey eq ${shard} and RowKey ge ${notEntries}`;
      for await (const page of failedEntriesTable
        .listEntities({ queryOptions: { filter }, abortSignal: signal })
        .byPage())
        if (page.length === 0) break;
      await Promise.all(studies.map((study) => look(study, signal)));
      for (const message of messages)
        if (due().again.due(undefined).length > 0) await queue.send({ ...message, again: true }, { signal });
      await failedEntriesTable.deleteEntity(shard, mark, { etag, abortSignal: signal });
    },
  };
}

const get = (http: StreamingHttpClient, url: string, signal: AbortSignal): Promise<HttpResponse> =>
  http.send({ method: 'GET', url, headers: { 'cache-control': 'no-cache' }, signal });

/** @returns bytes; there are none of a study that is deleted */
async function drop(http: StreamingHttpClient, url: string, signal: AbortSignal): Promise<number> {
  const { chunks } = await http.stream({ method: 'GET', url, headers: { accept: 'application/dicom+json' }, signal });
  let sizeBytes = 0;
  for await (const chunk of chunks) sizeBytes += chunk.byteLength;
  return sizeBytes;
}

interface EntryJson {
  readonly sequence: number;
  readonly partitionName: string;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly action: string;
}

/** Without any check. */
function feedClient({ dicomHttp, dicomUrl }: FloorDependencies): ChangeFeedClient {
  const read = (query: string, signal: AbortSignal): Promise<HttpResponse> =>
    get(dicomHttp, `${dicomUrl}/v1/changefeed${query}includeMetadata=false`, signal);
  return {
    async latest(signal) {
      const { body } = await read('/latest?', signal);
      return { sequence: body === '' ? 0 : (JSON.parse(body) as EntryJson).sequence };
    },
    async window(after, width, signal) {
      const { body } = await read(`?offset=${after}&limit=${width}&`, signal);
      return (JSON.parse(body) as readonly EntryJson[]).map(entryOf);
    },
  };
}

function entryOf(json: EntryJson): ChangeFeedEntry {
  return {
    sequence: json.sequence,
    partition: json.partitionName,
    studyUid: json.studyInstanceUid,
    seriesUid: json.seriesInstanceUid,
    instanceUid: json.sopInstanceUid,
    action: ACTIONS[json.action.toLowerCase()] ?? 'Create',
  };
}

const ACTIONS: Readonly<Record<string, ChangeFeedEntry['action']>> = { update: 'Update', delete: 'Delete' };

interface FhirRequests {
  /** Those of the chosen kinds that are due for one more study, one after the other. */
  send(chosen: (kind: string) => boolean, signal: AbortSignal): Promise<void>;
}

function fhirRequests({ fhirHttp, fhirUrl }: FloorDependencies, { fhir, looks }: Moved): FhirRequests {
  const kinds = Object.entries(fhir).map(([kind, exchanged]) => ({
    kind,
    request: likeThose(kind, exchanged, fhirUrl),
    share: credit<undefined>(exchanged.requests / looks),
  }));
  return {
    async send(chosen, signal) {
      for (const { kind, request, share } of kinds) {
        if (!chosen(kind)) continue;
        for (let due = share.due(undefined).length; due > 0; due--) await fhirHttp.send({ ...request, signal });
      }
    },
  };
}

/** A request as long as those were on average, that wants an answer as long as theirs. */
function likeThose(
  kind: string,
  { requests, urlLength, sent, received }: Exchanged,
  fhirUrl: string,
): { readonly method: string; readonly url: string; readonly headers: Record<string, string>; readonly body?: string } {
  const [method = 'GET'] = kind.split(' ');
  const { origin } = new URL(fhirUrl);
  const path = `/answer-bytes/${Math.round(received / requests)}/`;
  const url = origin + path.padEnd(Math.round(urlLength / requests), '0');
  const headers = { accept: 'application/fhir+json', 'cache-control': 'no-cache' };
  if (sent === 0) return { method, url, headers };
  const body = ' '.repeat(Math.round(sent / requests));
  return { method, url, headers: { ...headers, 'content-type': 'application/fhir+json; charset=utf-8' }, body };
}

/** Runs work between a request that takes the locks of all studies since the last such request, and one that gives them back. */
function locks(
  table: TableClient,
  perStudy: number,
): (uid: string, work: () => Promise<void>, signal: AbortSignal) => Promise<void> {
  const share = credit<string>(perStudy);
  return async (uid, work, signal) => {
    const [studies] = share.due(uid);
    if (studies === undefined) return work();
    const rows = studies
      .slice(0, MAX_ROWS)
      .map((study) => ({ partitionKey: 'floor', rowKey: `${study}~${randomUUID()}` }));
    const [only, ...others] = rows;
    if (only === undefined) return work();
    if (others.length === 0) {
      await table.createEntity(only, { abortSignal: signal });
      await work();
      await table.deleteEntity(only.partitionKey, only.rowKey, { abortSignal: signal });
      return;
    }
    const { subResponses } = await table.submitTransaction(
      rows.map((row) => ['create', row]),
      { abortSignal: signal },
    );
    await work();
    const known = rows.map((row, index) => ({ ...row, etag: subResponses[index]?.etag ?? '*' }));
    await deleteTogether(table, known, signal);
  };
}
