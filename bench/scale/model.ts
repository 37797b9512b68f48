/**
 * What Cast needs for a load, from what its design fixes: requests for a study, round trips that wait for each other, entries of a round.
 * `npm run bench -- scale` and `npm run bench -- cast` check the rates and counts; docs/performance.md explains it.
 */

/** Round trips of one message that wait for each other: receive, mark, list, read (FHIR and DICOM at once), Patient, write, settle, delete. */
const PASS_TRIPS = 8;
/** A new Patient is created under a lock: lock, search, search after, release. */
const NEW_PATIENT_TRIPS = 4;
export const PASS_TRIPS_NEW_PATIENT = PASS_TRIPS + NEW_PATIENT_TRIPS;

/** Of the message that the puller sends: one; of the pass: mark, list, settle; of the host: receive (a share), delete. */
const QUEUE_OPERATIONS = { send: 1, receive: 1 / 16, delete: 1 };
const TABLE_OPERATIONS = 3;
/** Lock and release for a new Patient; at most, for passes of one process share them. */
const LOCK_OPERATIONS = 2;
const FHIR_REQUESTS = 3;
const FHIR_REQUESTS_NEW_PATIENT = 5;

/** Studies that the queue trigger works on at once, as host.json ships: batchSize + newBatchThreshold. */
const STUDIES_AT_ONCE = 24;
/** Change feed entries of a round (ROUND_ENTRIES), and what waits for each other in it: latest, windows, messages, cursor. */
const ROUND_ENTRIES = 1000;
const ROUND_TRIPS = 4;
/** Reads of a window of 100 entries. */
const WINDOW_ENTRIES = 100;

interface WorkerLoad {
  /** Function instances. */
  readonly instances: number;
  /** Studies that each works on at once. */
  readonly studiesAtOnce: number;
  readonly tripsPerStudy: number;
  readonly latencyMs: number;
  /** CPU time of one core for a study. */
  readonly cpuMsPerStudy?: number;
}

/** Studies that the workers get through as long as the servers keep their latency: waiting or computing, whichever lasts longer. */
export function studiesPerSecond(load: WorkerLoad): number {
  const { instances, studiesAtOnce, tripsPerStudy, latencyMs, cpuMsPerStudy = 0 } = load;
  const msPerStudy = Math.max((tripsPerStudy * latencyMs) / studiesAtOnce, cpuMsPerStudy);
  return (instances * 1000) / msPerStudy;
}

export interface Load {
  /** DICOM instances to be worked off. */
  readonly dicomInstances: number;
  readonly studySize: number;
  /** Part of the studies whose Patient is new to the FHIR server. */
  readonly newPatients: number;
  /** Rounds in which the changes of a study arrive: 1 in a backlog, more where it trickles in while it is pulled. */
  readonly roundsPerStudy: number;
  readonly functionInstances: number;
  readonly latencyMs: number;
  /** CPU time of one core for a pass, and for each instance that it reads. */
  readonly cpuMsPerPass: number;
  readonly cpuMsPerInstance: number;
}

export interface Forecast {
  readonly passes: number;
  /** Wall time, of which the slower one counts: the one puller, or the workers. */
  readonly pullHours: number;
  readonly workHours: number;
  readonly fhirRequests: number;
  readonly dicomRequests: number;
  readonly queueOperations: number;
  readonly tableOperations: number;
  /** Time that function instances are busy, of all together. */
  readonly instanceHours: number;
}

/** What a load needs. An instance that trickles in is read anew in each round of its study: half the study on average. */
export function forecast(load: Load): Forecast {
  const { dicomInstances, studySize, newPatients, roundsPerStudy, functionInstances, latencyMs } = load;
  const studies = dicomInstances / studySize;
  const passes = studies * roundsPerStudy;
  const created = studies * newPatients;
  const rounds = dicomInstances / ROUND_ENTRIES;
  const instancesRead = roundsPerStudy === 1 ? studySize : (studySize * (roundsPerStudy + 1)) / (2 * roundsPerStudy);
  const tripsPerStudy = PASS_TRIPS + (NEW_PATIENT_TRIPS * created) / passes;
  const rate = studiesPerSecond({
    instances: functionInstances,
    studiesAtOnce: STUDIES_AT_ONCE,
    tripsPerStudy,
    latencyMs,
    cpuMsPerStudy: load.cpuMsPerPass + load.cpuMsPerInstance * instancesRead,
  });
  const workHours = passes / rate / 3600;
  return {
    passes,
    pullHours: (rounds * ROUND_TRIPS * latencyMs) / 3_600_000,
    workHours,
    fhirRequests: passes * FHIR_REQUESTS + created * (FHIR_REQUESTS_NEW_PATIENT - FHIR_REQUESTS),
    dicomRequests: passes + dicomInstances / WINDOW_ENTRIES + rounds,
    queueOperations: passes * (QUEUE_OPERATIONS.send + QUEUE_OPERATIONS.receive + QUEUE_OPERATIONS.delete) + rounds,
    tableOperations: passes * TABLE_OPERATIONS + created * LOCK_OPERATIONS + rounds,
    instanceHours: workHours * functionInstances,
  };
}
