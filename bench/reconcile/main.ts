import { parseArgs } from 'node:util';
import { startBlobService } from './blobService';
import { ourListing, sdkListing } from './listing';
import { medianRatio, type Pair, runPairs } from './pairs';

/**
 * `npm run bench:reconcile`: the listing of Reconcile against the bare listing of the SDK, in interleaved pairs on the same container of an Azurite in its own process.
 * CPU is that of the listing process alone.
 */

interface Row {
  readonly contest: string;
  readonly blobs: number;
  readonly wallRatio: number;
  readonly cpuRatio: number;
  readonly pairs: readonly Pair[];
}

const DEFAULT_BLOBS = '20000,100000';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { json: { type: 'boolean' }, blobs: { type: 'string' }, pairs: { type: 'string' } },
  });
  const rows: Row[] = [];
  for (const blobs of (values.blobs ?? DEFAULT_BLOBS).split(',').map(Number))
    rows.push(await listingContest(blobs, Number(values.pairs ?? '3')));
  console.log(values.json === true ? JSON.stringify(rows, undefined, 2) : rows.map(describe).join('\n'));
}

async function listingContest(blobs: number, count: number): Promise<Row> {
  console.error(`storing ${blobs} payloads ...`);
  const service = await startBlobService(blobs);
  try {
    const contestants = { ours: ourListing(service.container), peer: sdkListing(service.container) };
    const pairs = await runPairs(count, contestants, ({ ours, peer }) => {
      console.error(`  wall ${ours.wallMs.toFixed(0)} / ${peer.wallMs.toFixed(0)} ms`);
    });
    return {
      ...{ contest: 'listing against the SDK', blobs, pairs },
      wallRatio: medianRatio(pairs, ({ wallMs }) => wallMs),
      cpuRatio: medianRatio(pairs, ({ cpuMs, names }) => cpuMs / names),
    };
  } finally {
    await service.stop();
  }
}

function describe({ contest, blobs, wallRatio, cpuRatio, pairs }: Row): string {
  const microseconds = (of: 'ours' | 'peer'): string => {
    const perName = pairs.map((pair) => (pair[of].cpuMs * 1000) / pair[of].names).sort((one, other) => one - other);
    return (perName[Math.floor(perName.length / 2)] ?? NaN).toFixed(1);
  };
  return [
    `${contest}, ${blobs} blobs: ${wallRatio.toFixed(2)} of its wall time, ${cpuRatio.toFixed(2)} of its CPU per listed name`,
    `  CPU per name ${microseconds('ours')} / ${microseconds('peer')} µs`,
  ].join('\n');
}

void main();
