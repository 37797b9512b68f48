import type { Device, Endpoint, Identifier, ImagingStudy, Observation, Patient } from 'fhir/r4';
import type { FhirClient, Found } from '../fhir/client';
import { InvalidFhirResponse } from '../fhir/errors';
import type { FhirQuery } from '../fhir/query';
import { sameIdentifier } from '../mapping/identifiers';
import { identifierQuery } from './queries';

/**
 * Searches by identifier, and makes sure that the server did: one that ignores the parameter (lenient handling, an index that is being
 * rebuilt) would offer strangers, and what is not needed of them is deleted.
 * @throws InvalidFhirResponse when a match does not carry the identifier
 */
export async function searchByIdentifier<T extends Patient | Device | ImagingStudy | Observation | Endpoint>(
  fhir: FhirClient,
  type: T['resourceType'],
  identifier: Identifier,
  signal: AbortSignal,
  more: FhirQuery = [],
): Promise<readonly Found<T>[]> {
  const found = await fhir.search<T>(type, [identifierQuery(identifier), ...more], signal);
  const carriesIt = ({ resource }: Found<T>): boolean => {
    const identifiers: readonly Identifier[] = resource.identifier ?? [];
    return identifiers.some((one) => sameIdentifier(one, identifier));
  };
  if (!found.every(carriesIt))
    throw new InvalidFhirResponse(`a search of ${type} by identifier gave one without that identifier`);
  return found;
}
