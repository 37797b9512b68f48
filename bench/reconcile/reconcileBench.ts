import { type RemoteProcess, startProcess } from '../processes/remoteProcess';
import { type Bench, type BenchReport, joinReports } from '../report/bench';
import { accountPart } from './accountPart';
import { azuritePart } from './azuritePart';
import type { Contestant } from './contestant';
import { lookupPart } from './lookupPart';
import { findMariaDb } from './mariaDb';
import { mariaDbPart } from './mariaDbPart';
import { type PayloadDatabases, startPayloadDatabases } from './payloadDatabases';

/** What every part of the benchmark is given. */
export interface Arena {
  readonly databases: PayloadDatabases;
  readonly ours: RemoteProcess<Contestant>;
  readonly peer: RemoteProcess<Contestant>;
  readonly rounds: number;
  /** of the containers, in payloads */
  readonly sizes: readonly number[];
  readonly progress: (text: string) => void;
}

interface Part {
  readonly name: string;
  readonly run: (arena: Arena) => Promise<BenchReport>;
  readonly sizes: readonly number[];
  /** Throws where the machine has not what the packages do not bring. Such a part runs only where it is named. */
  readonly checkMachine?: () => unknown;
}

const SIZES = [20_000, 100_000];

const PARTS: readonly Part[] = [
  { name: 'lookup', run: lookupPart, sizes: [100_000] },
  { name: 'account', run: accountPart, sizes: SIZES },
  { name: 'Azurite', run: azuritePart, sizes: SIZES },
  { name: 'MariaDB', run: mariaDbPart, sizes: [1_000_000], checkMachine: findMariaDb },
];

export const reconcileBench: Bench = {
  name: 'reconcile',
  about: `Reconcile against the bare listing and against the Java tool's way (--only ${PARTS.map(({ name }) => name).join(' | ')})`,
  async run({ scale, repeats = 1, only = '', profileInto, progress }) {
    const chosen = PARTS.filter((part) => part.name.includes(only) && (only !== '' || part.checkMachine === undefined));
    for (const { checkMachine } of chosen) checkMachine?.();
    progress('starting PostgreSQL');
    const profile = profileInto === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileInto}`];
    const databases = await startPayloadDatabases();
    const [ours, peer] = await Promise.all([contestant(profile), contestant(profile)]);
    try {
      const reports: BenchReport[] = [];
      for (const { run, sizes } of chosen) {
        const scaled = sizes.map((size) => Math.round(size * scale));
        reports.push(await run({ databases, ours, peer, rounds: repeats, sizes: scaled, progress }));
      }
      return joinReports(reports);
    } finally {
      await Promise.all([ours.stop(), peer.stop()]);
      await databases.stop();
    }
  },
};

function contestant(nodeOptions: readonly string[]): Promise<RemoteProcess<Contestant>> {
  return startProcess<Contestant>('reconcile/contestant.ts', nodeOptions);
}
