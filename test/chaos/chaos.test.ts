import { useAzurite } from '../support/azurite';
import { sampleOf } from '../support/thorough';
import { playSeed } from './play';
import { failureText } from './report';
import { freshTables } from './tables';

/** A short run of the chaos suite; `npm run chaos -- --seeds 200` plays more. */
describe('random histories with faults at every boundary', () => {
  const azurite = useAzurite();

  it.each(sampleOf([1, 2, 3, 4, 5, 6, 7, 8, 79, 102], 0.4))(
    'seed %i ends with FHIR true to DICOM, or with rows that say why not',
    async (seed) => {
      const result = await playSeed(seed, freshTables(azurite.connectionString));
      if (result.violations.length > 0) console.error(failureText(result));
      expect(result.violations).toEqual([]);
    },
  );
});
