import { setTimeout as sleep } from 'node:timers/promises';
import { type Arena, openArena } from '../cast/contest';
import type { ContestantOperations } from '../cast/contestant';
import { SMALL_STUDIES, WARM_UP } from '../cast/feedShapes';
import { type RemoteProcess, startProcess } from '../processes/remoteProcess';
import type { Bench, Measure } from '../report/bench';
import { median } from '../report/bench';
import { short, textTable } from '../report/table';
import { PASS_TRIPS_NEW_PATIENT, studiesPerSecond } from './model';

/** Of servers as they are in the real world: each request takes so long, however many there are. */
const LATENCY_MS = 20;
const PROCESSES = [1, 2, 4] as const;
/** Few at a time, so that two cores are enough for four processes and the services. */
const QUEUE_SETTINGS = { batchSize: 1, newBatchThreshold: 3 };
const STUDIES_AT_ONCE = QUEUE_SETTINGS.batchSize + QUEUE_SETTINGS.newBatchThreshold;

interface Run {
  readonly processes: number;
  readonly studies: number;
  readonly seconds: number;
  readonly workerCpuSeconds: number;
  readonly servicesCpuSeconds: number;
}

export const scaleBench: Bench = {
  name: 'scale',
  about:
    '1, 2 and 4 processes that work off one queue, against servers with a latency of 20 ms; and what the model says',
  async run({ scale, repeats, progress }) {
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
    const studies = Math.max(1, Math.round(160 * scale));
    await workers[0]?.call('pull', undefined);
    await Promise.all([clinical.call('setLatencyMs', LATENCY_MS), storage.call('setLatencyMs', LATENCY_MS)]);
    await Promise.all([clinical.call('takeCounts', undefined), storage.call('takeCounts', undefined)]);
    const before = await progressOf(workers);
    const started = performance.now();
    await Promise.all(workers.map((worker) => worker.call('listen', undefined)));
    while ((await progressOf(workers)).handled < studies) await sleep(20);
    const seconds = (performance.now() - started) / 1000;
    const services = [await clinical.call('takeCounts', undefined), await storage.call('takeCounts', undefined)];
    const after = await progressOf(workers);
    return {
      processes,
      studies,
      seconds,
      workerCpuSeconds: after.cpuSeconds - before.cpuSeconds,
      servicesCpuSeconds: services.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

async function progressOf(
  workers: readonly RemoteProcess<ContestantOperations>[],
): Promise<{ readonly handled: number; readonly cpuSeconds: number }> {
  const each = await Promise.all(workers.map((worker) => worker.call('progress', undefined)));
  return {
    handled: each.reduce((sum, { handled }) => sum + handled, 0),
    cpuSeconds: each.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
  };
}

function rateOf(runs: readonly Run[], processes: number): number {
  return median(runs.filter((run) => run.processes === processes).map(({ studies, seconds }) => studies / seconds));
}

/** The model without what CPU time costs: it holds as long as there is enough of it. */
function modelRate(processes: number): number {
  return studiesPerSecond({
    instances: processes,
    studiesAtOnce: STUDIES_AT_ONCE,
    tripsPerStudy: PASS_TRIPS_NEW_PATIENT,
    latencyMs: LATENCY_MS,
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
    value: rateOf(runs, processes) / modelRate(processes),
    better: 'higher',
    target: 0.8,
  }));
  return [...linear, ...model];
}

function table(runs: readonly Run[]): string {
  const header = ['processes', 'studies/s', 'model', 'cores busy with Cast', 'cores busy with the services'];
  const cores = (processes: number, cpu: (run: Run) => number): number =>
    median(runs.filter((run) => run.processes === processes).map((run) => cpu(run) / run.seconds));
  const rows = PROCESSES.map((processes) => [
    String(processes),
    short(rateOf(runs, processes)),
    short(modelRate(processes)),
    short(cores(processes, ({ workerCpuSeconds }) => workerCpuSeconds)),
    short(cores(processes, ({ servicesCpuSeconds }) => servicesCpuSeconds)),
  ]);
  return textTable(header, rows);
}
