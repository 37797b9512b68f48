import fc from 'fast-check';
import { useAzurite } from '../../support/azurite';
import { CastRig } from '../../support/castRig';
import { violationsOf } from '../../support/oracle';
import { runsOf } from '../../support/thorough';
import { histories, HistoryPlayer } from './history';

const azurite = useAzurite();

/** More with `HISTORIES=500`; a history that failed is played again with the seed and the path that the failure names. */
const RUNS = Number(process.env.HISTORIES ?? runsOf(25, 6));
const replay = {
  ...(process.env.SEED !== undefined && { seed: Number(process.env.SEED) }),
  ...(process.env.PATH_OF_SEED !== undefined && { path: process.env.PATH_OF_SEED }),
};

describe('after any history of stores, updates, deletes and new stores', () => {
  it.each(['good', 'hapi', 'worst'] as const)(
    'a FHIR server that is %s holds exactly what is live, and a further round writes nothing',
    async (switches) => {
      await fc.assert(
        fc.asyncProperty(histories, async (steps) => {
          const rig = await CastRig.start(azurite, { switches });
          try {
            const player = new HistoryPlayer(rig);
            await player.play(steps);
            expect(await violationsOf(rig)).toEqual([]);
            expect(rig.poisoned).toEqual([]);
            expect(await player.furtherRound()).toBe(0);
            expect(await violationsOf(rig)).toEqual([]);
          } finally {
            await rig.stop();
          }
        }),
        { numRuns: RUNS, endOnFailure: true, ...replay },
      );
    },
    60_000 + RUNS * 5000,
  );
});
