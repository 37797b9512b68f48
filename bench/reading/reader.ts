import type { DicomWebClient } from '../../src/dicom/dicomWebClient';
import { parseMetadata } from '../../src/dicom/parseMetadata';
import { KnownDatasets, similarDatasets } from '../../src/dicom/similarDatasets';
import { mappingOptions } from '../../src/mappingOptions';
import { readSettings } from '../../src/settings';
import { readLiveStudy } from '../../src/study/liveStudy';
import { studyUid } from '../cast/instances';
import { serveParent } from '../processes/serveParent';
import { INSTANCES_OF_STUDY, METADATA_KINDS, metadataBody, type MetadataKind } from './metadataKinds';

// Reads one kind of metadata in a process of its own: what the engine learns of one kind would change what another costs.

export interface ReadingInput {
  readonly kind: string;
  /** Instances of all studies together. */
  readonly instances: number;
  readonly warmUps: number;
  readonly rounds: number;
}

/** CPU microseconds for each instance in one round. */
export interface ReadingRound {
  readonly read: number;
  readonly parsed: number;
}

/** As sockets deliver it. */
const CHUNK_BYTES = 64 * 1024;

async function* chunksOf(body: Buffer): AsyncGenerator<Buffer> {
  for (let start = 0; start < body.length; start += CHUNK_BYTES)
    yield await Promise.resolve(body.subarray(start, start + CHUNK_BYTES));
}

async function cpuUsOf(work: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function kindOf(name: string): MetadataKind {
  const kind = METADATA_KINDS.find((each) => each.name === name);
  if (kind === undefined) throw new Error(`There is no kind of metadata ${name}`);
  return kind;
}

/** As a look of Cast reads a study, without the request. */
function studyReader({ settings = {} }: MetadataKind): (study: number, body: Buffer) => Promise<number> {
  const options = mappingOptions(
    readSettings({ DICOM_URL: 'http://127.0.0.1:1', FHIR_URL: 'http://127.0.0.1:2', ...settings }),
  );
  const known = new KnownDatasets();
  const { signal } = new AbortController();
  return async (study, body) => {
    const dicom: Pick<DicomWebClient, 'studyMetadata'> = {
      studyMetadata: (_study, take) =>
        parseMetadata(chunksOf(body), similarDatasets(known), take, { maxBytes: body.length, signal }),
    };
    const key = { partition: 'Microsoft.Default', uid: studyUid(study) };
    const { valid } = await readLiveStudy(dicom, key, options, signal);
    return valid.length;
  };
}

const operations = {
  /** Reads the same studies again and again, in turn with JSON.parse of them. @throws Error when not all instances were valid */
  async measure({ kind: name, instances, warmUps, rounds }: ReadingInput): Promise<readonly ReadingRound[]> {
    const kind = kindOf(name);
    const { instancesOfStudy = INSTANCES_OF_STUDY } = kind;
    const bodies = Array.from({ length: Math.ceil(instances / instancesOfStudy) }, (_, index) =>
      metadataBody(kind, index + 1),
    );
    const total = bodies.length * instancesOfStudy;
    const read = studyReader(kind);
    const readAll = async (): Promise<void> => {
      let valid = 0;
      for (const [index, body] of bodies.entries()) valid += await read(index + 1, body);
      if (valid !== total) throw new Error(`${name}: ${valid} of ${total} instances are valid`);
    };
    const parseAll = (): void => {
      for (const body of bodies) JSON.parse(body.toString('utf8'));
    };
    const measured: ReadingRound[] = [];
    for (let round = 0; round < warmUps + rounds; round++)
      measured.push({ read: (await cpuUsOf(readAll)) / total, parsed: (await cpuUsOf(parseAll)) / total });
    return measured.slice(warmUps);
  },
};

export type ReaderOperations = typeof operations;

serveParent(operations);
