import { useAzurite } from '../../support/azurite';
import { describeOutages } from './outages';

describe('a FHIR server that is down: the study waits, nothing is filed, no attempt is used up, and it ends by itself', () => {
  describeOutages('fhir', useAzurite());
});
