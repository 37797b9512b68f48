import { join } from 'node:path';
import { type RemoteProcess, startProcess } from '../processes/remoteProcess';
import type { ClinicalServices } from '../services/clinicalServices';
import type { ServiceCounts } from '../services/holdRequests';
import type { StorageService } from '../services/storageService';
import type { ContestantName, ContestantOperations, WorkFigures } from './contestant';
import { type FeedShape, feedShape, WARM_UP } from './feedShapes';
import { addTraffic } from './fhirTraffic';
import type { Moved } from './transportFloor';

/** What one contestant needed for the measured steps of one feed. */
export interface Figures extends WorkFigures {
  readonly fhirRequests: number;
  readonly dicomRequests: number;
  readonly storageRequests: number;
  /** Those among them that take locks of Patients or give them back. */
  readonly lockRequests: number;
  /** CPU time of DICOM service and FHIR server, and of the storage service. */
  readonly clinicalCpuSeconds: number;
  readonly storageCpuSeconds: number;
}

/** The processes of the services, which are started anew, or emptied, inside. */
export interface Arena {
  readonly clinical: RemoteProcess<ClinicalServices>;
  readonly storage: RemoteProcess<StorageService>;
  close(): Promise<void>;
}

export async function openArena(): Promise<Arena> {
  const clinical = await startProcess<ClinicalServices>('services/clinicalServices.ts', ['--max-old-space-size=8192']);
  const storage = await startProcess<StorageService>('services/storageService.ts');
  return {
    clinical,
    storage,
    async close() {
      await Promise.all([clinical.stop(), storage.stop()]);
    },
  };
}

/**
 * One contestant in a process of its own, with services of its own. It lives through feed after feed, as in use: engines go on compiling for
 * longer than one feed takes.
 */
export interface Entrant {
  /**
   * Lets it work off one feed, with services that are empty.
   * @throws Error when it did not do its work
   */
  run(feed: Feed): Promise<Figures>;
  stop(): Promise<void>;
}

export interface Feed {
  readonly shape: string;
  readonly scale: number;
  /** Added to every DICOM, FHIR and storage request. */
  readonly latencyMs: number;
  /** For the floor: what Cast moved for the same feed. */
  readonly moved?: Moved;
  /** Folder for CPU profiles of what is measured. */
  readonly profileInto?: string | undefined;
}

/** @param nodeOptions such as --expose-gc */
export async function enter(contestant: ContestantName, nodeOptions: readonly string[] = []): Promise<Entrant> {
  const arena = await openArena();
  const { clinical, storage } = arena;
  const worker = await startProcess<ContestantOperations>('cast/contestant.ts', nodeOptions);
  const addresses = { ...(await clinical.call('start', undefined)), ...(await storage.call('start', undefined)) };
  await worker.call('start', { contestant, ...addresses });
  const hold = async (milliseconds: number): Promise<void> => {
    await Promise.all([clinical.call('setLatencyMs', milliseconds), storage.call('setLatencyMs', milliseconds)]);
  };
  const counts = async (): Promise<ServicesUsed> =>
    servicesUsed(await clinical.call('takeCounts', undefined), await storage.call('takeCounts', undefined));
  let profiles = 0;

  async function run({ shape, scale, latencyMs, moved, profileInto }: Feed): Promise<Figures> {
    let before = await clinical.call('latestSequence', undefined);
    await clinical.call('empty', undefined);
    if (moved !== undefined) await worker.call('expect', moved);
    const { steps, oldLoopSample } = feedShape(shape, scale);
    const parts: Figures[] = [];
    const measure = async (most: number): Promise<void> => {
      await counts();
      await hold(latencyMs);
      const profile = profileInto && join(profileInto, `${contestant} ${shape} +${latencyMs} ${++profiles}.cpuprofile`);
      const figures = await worker.call('work', { most, profile });
      await hold(0);
      parts.push({ ...figures, ...(await counts()) });
    };
    for (const [index, { measured }] of steps.entries()) {
      const latest = await clinical.call('step', { shape, scale, step: index });
      if (contestant !== 'old loop') {
        if (measured) await measure(Number.MAX_SAFE_INTEGER);
        else await worker.call('work', { most: Number.MAX_SAFE_INTEGER });
      } else if (measured)
        for (const { skip, take } of samples(latest - before, oldLoopSample, latencyMs)) {
          await worker.call('skip', { most: skip });
          await measure(take);
        }
      await worker.call('finish', undefined);
      before = latest;
    }
    const { dicom, fhir } = await clinical.call('compare', undefined);
    if (contestant !== 'floor' && (dicom.studies !== fhir.studies || dicom.instances !== fhir.instances))
      throw new Error(`${contestant}, ${shape}: FHIR has ${JSON.stringify(fhir)} of ${JSON.stringify(dicom)}`);
    return sumOf(parts);
  }

  return {
    run,
    async stop() {
      await worker.stop();
      await arena.close();
    },
  };
}

/** What the entrant works off before anything is measured, so that code is compiled and connections are open. */
export const WARM_UP_FEED: Feed = { shape: WARM_UP, scale: 1, latencyMs: 0 };

/** Where most of the time is latency, fewer say as much. */
const MOST_WITH_LATENCY = 10;

/** Samples in the middle of equal parts of the feed, and what is to be left out before each of them. */
function samples(
  entries: number,
  { places, entriesOfEach }: FeedShape['oldLoopSample'],
  latencyMs: number,
): readonly { readonly skip: number; readonly take: number }[] {
  const take = latencyMs > 0 ? Math.min(entriesOfEach, MOST_WITH_LATENCY) : entriesOfEach;
  if (entries <= places * take) return [{ skip: 0, take: entries }];
  const starts = Array.from({ length: places }, (_, index) => Math.floor(((index + 0.5) * entries) / places));
  return starts.map((start, index) => ({ skip: index === 0 ? start : start - (starts[index - 1] ?? 0) - take, take }));
}

type ServicesUsed = Omit<Figures, keyof WorkFigures>;

function servicesUsed(clinical: ServiceCounts, storage: ServiceCounts): ServicesUsed {
  const { fhir = 0, dicom = 0, feed = 0 } = clinical.requests;
  return {
    fhirRequests: fhir,
    dicomRequests: dicom + feed,
    storageRequests: Object.values(storage.requests).reduce((sum, count) => sum + count, 0),
    lockRequests: storage.requests.lock ?? 0,
    clinicalCpuSeconds: clinical.cpuSeconds,
    storageCpuSeconds: storage.cpuSeconds,
  };
}

function sumOf(parts: readonly Figures[]): Figures {
  const sum = (key: Exclude<keyof Figures, 'fhirTraffic'>): number =>
    parts.reduce((total, part) => total + part[key], 0);
  return {
    entries: sum('entries'),
    seconds: sum('seconds'),
    cpuSeconds: sum('cpuSeconds'),
    messages: sum('messages'),
    looks: sum('looks'),
    looksAgain: sum('looksAgain'),
    fhirTraffic: addTraffic(parts.map(({ fhirTraffic }) => fhirTraffic)),
    bytesToFhir: sum('bytesToFhir'),
    bytesFromFhir: sum('bytesFromFhir'),
    longestTurnMs: Math.max(...parts.map(({ longestTurnMs }) => longestTurnMs)),
    memoryGrowth: Math.max(...parts.map(({ memoryGrowth }) => memoryGrowth)),
    peakMemoryMb: Math.max(...parts.map(({ peakMemoryMb }) => peakMemoryMb)),
    fhirRequests: sum('fhirRequests'),
    dicomRequests: sum('dicomRequests'),
    storageRequests: sum('storageRequests'),
    lockRequests: sum('lockRequests'),
    clinicalCpuSeconds: sum('clinicalCpuSeconds'),
    storageCpuSeconds: sum('storageCpuSeconds'),
  };
}
