import { z } from 'zod';
import { readText } from '../http/boundedBody';
import type { StreamedResponse, StreamingHttpClient } from '../http/httpClient';
import { withLowerCaseNames } from '../http/json';
import { resourceUrl } from '../http/resourceUrl';
import { isSuccess, statusError } from '../http/success';
import { Attribute } from './attributes';
import { MalformedMetadata } from './errors';
import { isObject, readDataset } from './dataset';
import { jsonElements, parseMetadata, type TakePart } from './parseMetadata';
import { KnownDatasets, type SimilarDataset, similarDatasets } from './similarDatasets';
import { DEFAULT_PARTITION, type StudyKey } from './studyKey';
import { textValue } from './text';

/** One page of a search for studies. */
interface StudySearch {
  readonly partition: string;
  /** Most studies that come back; Microsoft's service allows up to 200. */
  readonly limit: number;
  /** Studies to skip. */
  readonly offset: number;
}

/**
 * A DICOMweb service. All methods throw ConnectionError (no complete answer), HttpStatusError (refused), MalformedMetadata
 * (an answer that cannot be read) and the reason of an aborted signal.
 */
export interface DicomWebClient {
  /**
   * The metadata of the study's live instances in parts as they arrive, of their attributes at least those that this project reads; none
   * when nothing is live. Undefined: what stood there for an instance is no data set.
   * Only when it returns it is certain that this was all: an answer that is cut off throws then. What `take` throws ends the reading.
   * "Not found" counts only when the service itself said it: see `createDicomWebClient`.
   */
  studyMetadata(study: StudyKey, take: TakePart<SimilarDataset | undefined>, signal: AbortSignal): Promise<void>;
  /** Study Instance UIDs (QIDO-RS, PS3.18 10.6). */
  searchStudies(search: StudySearch, signal: AbortSignal): Promise<readonly string[]>;
  /** Returns when the service answers and accepts us. */
  probe(signal: AbortSignal): Promise<void>;
}

/** What a service offers beyond standard DICOMweb. */
export interface PartitionedDicomWebClient extends DicomWebClient {
  /** Names of all data partitions; a service without partitions has the default one. */
  partitions(signal: AbortSignal): Promise<readonly string[]>;
}

export interface DicomWebClientOptions {
  /** Built for the origin of the base URL. */
  readonly http: StreamingHttpClient;
  /** With its path, without the version. */
  readonly baseUrl: string;
  /** Version segment, such as v2. */
  readonly version: string;
  /** Data partitions are enabled: then the default one has a path of its own as well, and requests without one are refused. */
  readonly partitioned?: boolean;
}

const DICOM_JSON = 'application/dicom+json';
const MAX_METADATA_BYTES = 1024 * 1024 * 1024;
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

/**
 * A client of one service and API version. A 404 for a study means that nothing of it is live, and its FHIR data will go;
 * so that a wrong address or a gateway does not look like that, a 404 counts only from a service that answers another
 * request right then, and never when it is a page for people.
 */
export function createDicomWebClient({
  http,
  baseUrl,
  version,
  partitioned = false,
}: DicomWebClientOptions): PartitionedDicomWebClient {
  const known = new KnownDatasets();

  async function get(url: string, accept: string, signal: AbortSignal): Promise<StreamedResponse> {
    return http.stream({ method: 'GET', url, headers: { accept }, signal });
  }

  async function refused(response: StreamedResponse): Promise<Error> {
    const { status, headers, chunks } = response;
    return statusError('GET', { status, headers, body: await readText(chunks, MAX_TEXT_BYTES) });
  }

  const inPartition = (partition: string, segments: readonly string[], query?: string): string =>
    resourceUrl(
      baseUrl,
      [version, ...(partition === DEFAULT_PARTITION && !partitioned ? [] : ['partitions', partition]), ...segments],
      query,
    );

  async function probe(signal: AbortSignal): Promise<void> {
    const url = resourceUrl(baseUrl, [version, 'changefeed', 'latest'], 'includeMetadata=false');
    const response = await get(url, 'application/json', signal);
    if (!isSuccess(response.status)) throw await refused(response);
    await readText(response.chunks, MAX_TEXT_BYTES);
  }

  /**
   * An array that is there, whole: neither a body cut down to nothing nor a part of the study (206, PS3.18 10.4.3) may look like a
   * study without the rest.
   */
  async function readCompleteArray(
    { status, chunks }: StreamedResponse,
    take: TakePart<SimilarDataset | undefined>,
    signal: AbortSignal,
  ): Promise<void> {
    if (status !== 200) {
      await abandon(chunks);
      throw new MalformedMetadata(`the status is ${status}, only 200 means that the metadata are complete`);
    }
    await parseMetadata(chunks, similarDatasets(known), take, {
      required: true,
      maxBytes: MAX_METADATA_BYTES,
      signal,
    });
  }

  async function arrayOf(response: StreamedResponse, signal: AbortSignal): Promise<readonly unknown[]> {
    const elements: unknown[] = [];
    const take = (part: readonly unknown[]): void => void elements.push(...part);
    await parseMetadata(response.chunks, jsonElements, take, { maxBytes: MAX_METADATA_BYTES, signal });
    return elements;
  }

  return {
    probe,
    async studyMetadata({ partition, uid }, take, signal) {
      const response = await get(inPartition(partition, ['studies', uid, 'metadata']), DICOM_JSON, signal);
      if (response.status === 204) {
        await readText(response.chunks, MAX_TEXT_BYTES);
        return;
      }
      if (isSuccess(response.status)) return readCompleteArray(response, take, signal);
      const refusal = await refused(response);
      if (response.status !== 404 || isPage(response)) throw refusal;
      await probe(signal);
    },
    async searchStudies({ partition, limit, offset }, signal) {
      const response = await get(
        inPartition(partition, ['studies'], `limit=${limit}&offset=${offset}`),
        DICOM_JSON,
        signal,
      );
      if (!isSuccess(response.status)) throw await refused(response);
      return (await arrayOf(response, signal)).map(studyUid);
    },
    async partitions(signal) {
      const response = await get(resourceUrl(baseUrl, [version, 'partitions']), 'application/json', signal);
      if (response.status === 400 || response.status === 404) {
        await readText(response.chunks, MAX_TEXT_BYTES);
        return [DEFAULT_PARTITION];
      }
      if (!isSuccess(response.status)) throw await refused(response);
      const names = (await arrayOf(response, signal)).map(partitionName);
      return names.length === 0 ? [DEFAULT_PARTITION] : names;
    },
  };
}

/** Frees the connection. An iteration that never began has no end that could do so. */
async function abandon(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const iterator = chunks[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.return?.();
}

/** An HTML page is from something before the service. */
function isPage({ headers }: StreamedResponse): boolean {
  return /\bhtml\b/i.test(headers['content-type'] ?? '');
}

function studyUid(json: unknown): string {
  const uid = isObject(json) ? textValue(readDataset(json), Attribute.StudyInstanceUID).value : undefined;
  if (uid === undefined) throw new MalformedMetadata('a study of a search has no StudyInstanceUID');
  return uid;
}

const partitionSchema = z.object({ partitionname: z.string().min(1) });

function partitionName(json: unknown): string {
  const parsed = partitionSchema.safeParse(withLowerCaseNames(json));
  if (!parsed.success) throw new MalformedMetadata('a partition has no partitionName');
  return parsed.data.partitionname;
}
