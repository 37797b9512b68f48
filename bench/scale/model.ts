/**
 * What Cast needs for a load, from what its design fixes: requests for a study, round trips that wait for each other, entries of a round.
 * `npm run bench -- scale` and `npm run bench -- cast` check the rates and counts; docs/performance.md explains it.
 */

/** Round trips of a message besides the looks at its studies: receive, mark, list, settle, delete. */
const MESSAGE_TRIPS = 5;
/** Round trips of a look that writes: read (FHIR and DICOM at once), Patient, transaction. */
const LOOK_TRIPS = 3;
/** A new Patient is created under a lock: lock, search, search after, release. */
const NEW_PATIENT_TRIPS = 4;
/**
 * Studies of one message take each of these at the same time and share its requests. Those of messages of their own may wait for the request
 * of others before they go (src/concurrency/together.ts): not at all, or for a whole round trip; half of one on average.
 */
const WAIT_FOR_COMPANY = 0.5;

/** Of a message: one send of the puller; of its pass: mark, list, settle; of the host: receive (a share), delete. */
const QUEUE_OPERATIONS = { send: 1, receive: 1 / 16, delete: 1 };
const TABLE_OPERATIONS = 3;
/** Lock and release for a new Patient. */
const LOCK_OPERATIONS = 2;
const FHIR_REQUESTS = 3;
const FHIR_REQUESTS_NEW_PATIENT = 5;

/** Messages that the queue trigger works on at once, as host.json ships: batchSize + newBatchThreshold. */
const MESSAGES_AT_ONCE = 24;
/** Studies of shared messages that a function instance looks at at once (src/study/sharedSync.ts). */
const LOOKS_AT_ONCE = 128;

/** Change feed entries of a round (ROUND_ENTRIES). */
const ROUND_ENTRIES = 5000;
/** Of a round: latest and depth of the queue at once, the cursor. */
const ROUND_TRIPS = 2;
/** Entries of a window, windows that are read at once (FEED_WINDOWS_IN_FLIGHT), messages that are sent at once. */
const WINDOW_ENTRIES = 100;
const WINDOWS_IN_FLIGHT = 10;
const SENDS_IN_FLIGHT = 32;

interface WorkerLoad {
  /** Function instances. */
  readonly instances: number;
  /** Messages that each works on at once. */
  readonly messagesAtOnce: number;
  /** 1: none is shared. */
  readonly studiesPerMessage: number;
  /** Part of the looks that create a Patient. */
  readonly newPatients: number;
  readonly latencyMs: number;
  /** CPU time of one core for a study. */
  readonly cpuMsPerStudy: number;
}

/** Round trips of a message that wait for each other, and those among them in which its studies are looked at. */
export interface Trips {
  readonly message: number;
  readonly look: number;
}

/** With waits for strangers only. */
export function tripsOf(load: Pick<WorkerLoad, 'messagesAtOnce' | 'studiesPerMessage' | 'newPatients'>): Trips {
  const { messagesAtOnce, studiesPerMessage, newPatients } = load;
  const shared = LOOK_TRIPS + NEW_PATIENT_TRIPS * newPatients;
  const look = studiesPerMessage === 1 && messagesAtOnce > 1 ? shared * (1 + WAIT_FOR_COMPANY) : shared;
  return { message: MESSAGE_TRIPS + look, look };
}

/**
 * Studies that the workers get through as long as the servers keep their latency: whichever lasts longest of the messages, which wait and
 * compute, of the looks, of which there are so many at once, and of the CPU time.
 */
export function studiesPerSecond(load: WorkerLoad): number {
  const { instances, messagesAtOnce, studiesPerMessage, latencyMs, cpuMsPerStudy } = load;
  const trips = tripsOf(load);
  const messageMs = trips.message * latencyMs + studiesPerMessage * cpuMsPerStudy;
  const msPerStudy = Math.max(
    messageMs / (messagesAtOnce * studiesPerMessage),
    (trips.look * latencyMs) / LOOKS_AT_ONCE,
    cpuMsPerStudy,
  );
  return (instances * 1000) / msPerStudy;
}

export interface Load {
  /** DICOM instances to be worked off. */
  readonly dicomInstances: number;
  readonly studySize: number;
  /** Studies of one message on average: 1 where studies have more than 100 changes in a round, or meet no others. */
  readonly studiesPerMessage: number;
  /** Studies for which a FHIR or lock request is made on average; 1: no two meet. */
  readonly studiesPerRequest: number;
  /** Part of the studies whose Patient is new to the FHIR server. */
  readonly newPatients: number;
  /** Rounds in which the changes of a study arrive: 1 in a backlog, more where it trickles in while it is pulled. */
  readonly roundsPerStudy: number;
  readonly functionInstances: number;
  readonly latencyMs: number;
  /** CPU time of one core for a look at a study, and for each instance that it reads. */
  readonly cpuMsPerLook: number;
  readonly cpuMsPerInstance: number;
}

export interface Forecast {
  /** Looks at studies. */
  readonly looks: number;
  readonly messages: number;
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
  const { dicomInstances, studySize, roundsPerStudy, functionInstances, latencyMs } = load;
  const { studiesPerMessage, studiesPerRequest } = load;
  const studies = dicomInstances / studySize;
  const looks = studies * roundsPerStudy;
  const messages = looks / studiesPerMessage;
  const created = studies * load.newPatients;
  const rounds = dicomInstances / ROUND_ENTRIES;
  const instancesRead = roundsPerStudy === 1 ? studySize : (studySize * (roundsPerStudy + 1)) / (2 * roundsPerStudy);
  const rate = studiesPerSecond({
    instances: functionInstances,
    messagesAtOnce: MESSAGES_AT_ONCE,
    studiesPerMessage,
    newPatients: created / looks,
    latencyMs,
    cpuMsPerStudy: load.cpuMsPerLook + load.cpuMsPerInstance * instancesRead,
  });
  const workHours = looks / rate / 3600;
  const fhirRequests = looks * FHIR_REQUESTS + created * (FHIR_REQUESTS_NEW_PATIENT - FHIR_REQUESTS);
  return {
    looks,
    messages,
    pullHours: (rounds * roundTrips(messages / rounds) * latencyMs) / 3_600_000,
    workHours,
    fhirRequests: fhirRequests / studiesPerRequest,
    dicomRequests: looks + dicomInstances / WINDOW_ENTRIES + rounds,
    queueOperations: messages * (QUEUE_OPERATIONS.send + QUEUE_OPERATIONS.receive + QUEUE_OPERATIONS.delete) + rounds,
    tableOperations: messages * TABLE_OPERATIONS + (created * LOCK_OPERATIONS) / studiesPerRequest + rounds,
    instanceHours: workHours * functionInstances,
  };
}

/** Round trips of a round that wait for each other. */
function roundTrips(messages: number): number {
  const windows = Math.ceil(ROUND_ENTRIES / WINDOW_ENTRIES / WINDOWS_IN_FLIGHT);
  return ROUND_TRIPS + windows + Math.max(1, Math.ceil(messages / SENDS_IN_FLIGHT));
}
