import { setTimeout as sleep } from 'node:timers/promises';
import { type Arena, openArena } from '../cast/contest';
import type { ContestantOperations } from '../cast/contestant';
import { SMALL_STUDIES, WARM_UP } from '../cast/feedShapes';
import { type RemoteProcess, startProcess } from '../processes/remoteProcess';
import type { Bench, Measure } from '../report/bench';
import { median } from '../report/bench';
import { short, textTable } from '../report/table';
import { studiesPerSecond } from './model';

/** Of servers as they are in the real world: each request takes so long, however many there are. */
const LATENCY_MS = 50;
const PROCESSES = [1, 2, 4] as const;
/** One message at a time, so that two cores are enough for four processes and the services. */
const QUEUE_SETTINGS = { batchSize: 1, newBatchThreshold: 0 };
const MESSAGES_AT_ONCE = QUEUE_SETTINGS.batchSize + QUEUE_SETTINGS.newBatchThreshold;

interface Run {
  readonly processes: number;
  readonly messages: number;
  /** As many as there are in a message on average, for each message. */
  readonly studies: number;
  readonly seconds: number;
  readonly workerCpuSeconds: number;
  readonly servicesCpuSeconds: number;
}

export const scaleBench: Bench = {
  name: 'scale',
  about:
    '1, 2 and 4 processes that work off one queue, against servers with a latency of 50 ms; and what the model says',
  async run({ scale, repeats = 1, progress }) {
    const arena = await openArena();
    try {
      const runs: Run[] = [];
      for (let repeat = 0; repeat < repeats; repeat++)
        for (const processes of PROCESSES) {
          progress(`${processes} ${processes === 1 ? 'process' : 'processes'}`);
          runs.push(await workOff(arena, processes, scale));
        }
      return { measures: measuresOf(runs), text: table(runs), details: runs };
    } finally {
      await arena.close();
    }
  },
};

async function workOff(arena: Arena, processes: number, scale: number): Promise<Run> {
  const { clinical, storage } = arena;
  const addresses = { ...(await clinical.call('start', undefined)), ...(await storage.call('start', undefined)) };
  const workers: RemoteProcess<ContestantOperations>[] = [];
  try {
    for (let index = 0; index < processes; index++) {
      const worker = await startProcess<ContestantOperations>('cast/contestant.ts');
      workers.push(worker);
      await worker.call('start', { contestant: 'cast', ...addresses, queueSettings: QUEUE_SETTINGS });
      await clinical.call('step', { shape: WARM_UP, scale: 1, step: index });
      await worker.call('work', { most: Number.MAX_SAFE_INTEGER });
    }
    await clinical.call('step', { shape: SMALL_STUDIES, scale, step: 0 });
    const pulled = await workers[0]?.call('pull', undefined);
    if (pulled === undefined) throw new Error('There is no process');
    if (pulled.messages < 3 * processes) throw new Error('There are too few messages for so many processes');
    await Promise.all([clinical.call('setLatencyMs', LATENCY_MS), storage.call('setLatencyMs', LATENCY_MS)]);
    await Promise.all(workers.map((worker) => worker.call('listen', undefined)));
    // While each has something to do: not its first message, for which connections are opened, and not the wait for the last one of others.
    const before = await progressAfter(workers, processes);
    await Promise.all([clinical.call('takeCounts', undefined), storage.call('takeCounts', undefined)]);
    const after = await progressAfter(workers, pulled.messages - processes);
    const services = [await clinical.call('takeCounts', undefined), await storage.call('takeCounts', undefined)];
    const messages = after.handled - before.handled;
    return {
      processes,
      messages,
      studies: (messages * pulled.looks) / pulled.messages,
      seconds: after.seconds - before.seconds,
      workerCpuSeconds: after.cpuSeconds - before.cpuSeconds,
      servicesCpuSeconds: services.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

interface Progress {
  /** By the clock of this process. */
  readonly seconds: number;
  /** Messages. */
  readonly handled: number;
  readonly cpuSeconds: number;
}

/** What the workers have done when this many messages are done with. */
async function progressAfter(
  workers: readonly RemoteProcess<ContestantOperations>[],
  messages: number,
): Promise<Progress> {
  for (;;) {
    const progress = await progressOf(workers);
    if (progress.handled >= messages) return progress;
    await sleep(20);
  }
}

async function progressOf(workers: readonly RemoteProcess<ContestantOperations>[]): Promise<Progress> {
  const each = await Promise.all(workers.map((worker) => worker.call('progress', undefined)));
  return {
    seconds: performance.now() / 1000,
    handled: each.reduce((sum, { handled }) => sum + handled, 0),
    cpuSeconds: each.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
  };
}

function rateOf(runs: readonly Run[], processes: number): number {
  return median(runs.filter((run) => run.processes === processes).map(({ studies, seconds }) => studies / seconds));
}

const cpuMsPerStudy = ({ workerCpuSeconds, studies }: Run): number => (workerCpuSeconds * 1000) / studies;

/** With the CPU time of a study as one process needed it: the model tells waiting, not computing. All Patients are new. */
function modelRate(runs: readonly Run[], processes: number): number {
  const of = (value: (run: Run) => number): number => median(runs.filter((run) => run.processes === 1).map(value));
  return studiesPerSecond({
    instances: processes,
    messagesAtOnce: MESSAGES_AT_ONCE,
    studiesPerMessage: of(({ studies, messages }) => studies / messages),
    newPatients: 1,
    latencyMs: LATENCY_MS,
    cpuMsPerStudy: of(cpuMsPerStudy),
  });
}

function measuresOf(runs: readonly Run[]): readonly Measure[] {
  const linear = PROCESSES.filter((processes) => processes > 1).map((processes): Measure => ({
    name: `scale: rate of ${processes} processes, of ${processes} times the rate of one`,
    value: rateOf(runs, processes) / (processes * rateOf(runs, 1)),
    better: 'higher',
    target: 0.85,
  }));
  const model = PROCESSES.map((processes): Measure => ({
    name: `scale: rate of ${processes} ${processes === 1 ? 'process' : 'processes'}, of what the model says`,
    value: rateOf(runs, processes) / modelRate(runs, processes),
    better: 'higher',
    target: 0.8,
  }));
  return [...linear, ...model];
}

function table(runs: readonly Run[]): string {
  const header = [
    'processes',
    'studies/s',
    'model',
    'studies/message',
    'CPU ms/study',
    'cores busy with Cast',
    'cores busy with the services',
  ];
  const cores = (processes: number, cpu: (run: Run) => number): number =>
    median(runs.filter((run) => run.processes === processes).map((run) => cpu(run) / run.seconds));
  const rows = PROCESSES.map((processes) => [
    String(processes),
    short(rateOf(runs, processes)),
    short(modelRate(runs, processes)),
    ...[({ studies, messages }: Run) => studies / messages, cpuMsPerStudy].map((value) =>
      short(median(runs.filter((run) => run.processes === processes).map(value))),
    ),
    short(cores(processes, ({ workerCpuSeconds }) => workerCpuSeconds)),
    short(cores(processes, ({ servicesCpuSeconds }) => servicesCpuSeconds)),
  ]);
  return textTable(header, rows);
}
