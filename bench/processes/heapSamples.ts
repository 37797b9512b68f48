import { getHeapStatistics } from 'node:v8';

/** Most that memory may differ between the second and the last quarter of long work and still be called flat. */
export const FLAT_MEMORY = 1.15;

const SAMPLE_MS = 100;

/** Where garbage is collected before each look, which takes tens of milliseconds. */
const COLLECTED_SAMPLE_MS = 1000;

export interface HeapFigures {
  /** Held in the last quarter of the time, of what was held in the second: 1 where it is flat. */
  readonly growth: number;
  readonly peakBytes: number;
}

/**
 * Looks again and again at what this process holds until the function that it returns is called. Where it was started with --expose-gc, as
 * it has to be for work of a few seconds, without garbage: the engine lets that gather for about as long.
 */
export function sampleHeap(): () => HeapFigures {
  const heldBytes: number[] = [];
  const { gc } = globalThis;
  const sampleMs = gc === undefined ? SAMPLE_MS : COLLECTED_SAMPLE_MS;
  const sample = (): void => {
    gc?.();
    // Not process.memoryUsage(): that walks over all pages of the process.
    const { used_heap_size, external_memory } = getHeapStatistics();
    heldBytes.push(used_heap_size + external_memory);
  };
  const sampler = setInterval(sample, sampleMs).unref();
  return () => {
    clearInterval(sampler);
    sample();
    return { growth: growthOf(heldBytes), peakBytes: Math.max(...heldBytes) };
  };
}

/** The least of many samples is what stays after a collection. */
function growthOf(samples: readonly number[]): number {
  const quarter = Math.floor(samples.length / 4);
  if (quarter === 0) return 1;
  return Math.min(...samples.slice(3 * quarter)) / Math.min(...samples.slice(quarter, 2 * quarter));
}
