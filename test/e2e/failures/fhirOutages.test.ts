import { useAzurite } from '../../support/azurite';
import { sampleOf } from '../../support/thorough';
import { describeOutages, kindOf, outages } from './outages';

describe('a FHIR server that is down: the study waits, nothing is filed, no attempt is used up, and it ends by itself', () => {
  describeOutages('fhir', useAzurite(), sampleOf(outages, 0, kindOf));
});
