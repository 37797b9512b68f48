import type { Endpoint, Reference } from 'fhir/r4';
import type { FhirClient, Found } from '../fhir/client';
import { endpointFor, endpointIdentifier, endpointName, reconcileEndpoint } from '../mapping/endpoint';
import { sameMeaning } from '../mapping/sameMeaning';
import type { CastSource } from '../mapping/source';
import { compareIds } from './candidates';
import { identifierQuery } from './queries';
import { searchByIdentifier } from './searchByIdentifier';

/** The Endpoint of each source, ensured once per process and before the first study that refers to it. */
export interface Endpoints {
  reference(source: CastSource, signal: AbortSignal): Promise<Reference>;
  /** Looks again next time: somebody may have deleted it. */
  forget(source: CastSource): void;
}

/**
 * Endpoints on a FHIR server. An Endpoint that the old DICOM Cast made for the same address is adopted.
 * Searched by identifier: R4 has no search parameter for Endpoint.address.
 * @param retrieveLocationUid what an Endpoint says of itself in the words of DICOM, where a site wants that
 */
export function endpoints(fhir: FhirClient, retrieveLocationUid?: string): Endpoints {
  const ensured = new Map<string, { readonly promise: Promise<Reference>; readonly signal: AbortSignal }>();

  async function find(source: CastSource, signal: AbortSignal): Promise<Found<Endpoint> | undefined> {
    const found = await searchByIdentifier<Endpoint>(fhir, 'Endpoint', endpointIdentifier(source), signal);
    if (found.length > 0) return lowest(found);
    const named = await fhir.search<Endpoint>('Endpoint', [['name', endpointName(source)]], signal);
    return lowest(named.filter(({ resource }) => resource.address.replace(/\/+$/, '') === source.address));
  }

  async function ensure(source: CastSource, signal: AbortSignal): Promise<Reference> {
    const found = await find(source, signal);
    if (found === undefined) {
      const created = await fhir.create(
        endpointFor(source, retrieveLocationUid),
        [identifierQuery(endpointIdentifier(source))],
        signal,
      );
      // Where conditional create is not atomic two processes may both have created one: all take the lowest id.
      return toReference((await find(source, signal))?.id ?? created.id);
    }
    const desired = reconcileEndpoint(found.resource, source, retrieveLocationUid);
    if (!sameMeaning(found.resource, desired)) await fhir.update(found, desired, signal);
    return toReference(found.id);
  }

  function start(source: CastSource, signal: AbortSignal): Promise<Reference> {
    const promise = ensure(source, signal);
    ensured.set(source.address, { promise, signal });
    promise.catch(() => ensured.delete(source.address));
    return promise;
  }

  return {
    reference(source, signal) {
      const known = ensured.get(source.address);
      if (known === undefined) return start(source, signal);
      return known.promise.catch((error: unknown) => {
        // Who asked first was stopped: that is no reason for those who asked later.
        if (known.signal.aborted && !signal.aborted)
          return ensured.get(source.address)?.promise ?? start(source, signal);
        throw error;
      });
    },
    forget(source) {
      ensured.delete(source.address);
    },
  };
}

function lowest(found: readonly Found<Endpoint>[]): Found<Endpoint> | undefined {
  return [...found].sort((a, b) => compareIds(a.id, b.id))[0];
}

function toReference(id: string): Reference {
  return { reference: `Endpoint/${id}`, type: 'Endpoint' };
}
