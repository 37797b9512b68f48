import { type RemoteProcess, startProcess } from '../processes/remoteProcess';
import type { Bench, BenchReport } from '../report/bench';
import { accountPart } from './accountPart';
import { azuritePart } from './azuritePart';
import type { Contestant } from './contestant';
import { lookupPart } from './lookupPart';
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

const SIZES = [20_000, 100_000];

const PARTS = { lookup: lookupPart, account: accountPart, Azurite: azuritePart };

export const reconcileBench: Bench = {
  name: 'reconcile',
  about: `Reconcile against the bare listing and against the Java tool's way (--only ${Object.keys(PARTS).join(' | ')})`,
  async run({ scale, repeats, only = '', profileInto, progress }) {
    progress('starting PostgreSQL');
    const profile = profileInto === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileInto}`];
    const databases = await startPayloadDatabases();
    const [ours, peer] = await Promise.all([contestant(profile), contestant(profile)]);
    const sizes = SIZES.map((size) => Math.round(size * scale));
    try {
      const reports: BenchReport[] = [];
      for (const [name, part] of Object.entries(PARTS))
        if (name.includes(only)) reports.push(await part({ databases, ours, peer, rounds: repeats, sizes, progress }));
      return {
        measures: reports.flatMap(({ measures }) => measures),
        text: reports.map(({ text }) => text).join('\n\n'),
        details: reports.map(({ details }) => details),
      };
    } finally {
      await Promise.all([ours.stop(), peer.stop()]);
      await databases.stop();
    }
  },
};

function contestant(nodeOptions: readonly string[]): Promise<RemoteProcess<Contestant>> {
  return startProcess<Contestant>('reconcile/contestant.ts', nodeOptions);
}
