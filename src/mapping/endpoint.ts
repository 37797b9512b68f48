import type { Endpoint, Extension, Identifier } from 'fhir/r4';
import { sameIdentifier } from './identifiers';
import { type CastSource, isOwnedBy, metaOf } from './source';
import { MADO_RETRIEVE_LOCATION_EXTENSION, URI_SYSTEM } from './systems';

/** Found by this: R4 has no search parameter for the address. */
export function endpointIdentifier({ address }: CastSource): Identifier {
  return { system: URI_SYSTEM, value: address };
}

/** The name that DICOM Cast gave its Endpoints: one that it left behind is found by it. */
export function endpointName({ address }: CastSource): string {
  return `DICOM WADO-RS endpoint ${address}`;
}

/** The WADO-RS Endpoint of one service and partition; its address is what clients append `/studies/...` to. */
export function endpointFor(source: CastSource, retrieveLocationUid?: string): Endpoint {
  return {
    resourceType: 'Endpoint',
    meta: metaOf(source),
    ...(retrieveLocationUid === undefined ? {} : { extension: [retrieveLocation(retrieveLocationUid)] }),
    identifier: [endpointIdentifier(source)],
    status: 'active',
    connectionType: { system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type', code: 'dicom-wado-rs' },
    name: endpointName(source),
    payloadType: [
      {
        coding: [{ system: 'http://terminology.hl7.org/CodeSystem/endpoint-payload-type', code: 'none' }],
        text: 'DICOM WADO-RS',
      },
    ],
    payloadMimeType: ['application/dicom'],
    address: source.address,
  };
}

/**
 * An Endpoint that is there already, with what it lacks: the identifier, the address as clients need it, and the Retrieve Location UID
 * where there is one; without one, an Endpoint of our own loses that of before. Nothing else is touched.
 */
export function reconcileEndpoint(existing: Endpoint, source: CastSource, retrieveLocationUid?: string): Endpoint {
  const wanted = endpointIdentifier(source);
  const identified = existing.identifier?.some((one) => sameIdentifier(one, wanted)) === true;
  const { extension: before = [], ...rest } = existing;
  const replaced = retrieveLocationUid !== undefined || isOwnedBy(existing, source);
  const others = replaced ? before.filter(({ url }) => url !== MADO_RETRIEVE_LOCATION_EXTENSION) : before;
  const extension = retrieveLocationUid === undefined ? others : [...others, retrieveLocation(retrieveLocationUid)];
  return {
    ...rest,
    ...(extension.length === 0 ? {} : { extension }),
    identifier: identified ? existing.identifier : [...(existing.identifier ?? []), wanted],
    address: source.address,
  };
}

/** Where the objects are, as DICOM names it in Retrieve Location UID (0040,E011) (IHE RAD MADO, MadoWadoEndpoint). */
function retrieveLocation(uid: string): Extension {
  return { url: MADO_RETRIEVE_LOCATION_EXTENSION, valueString: uid };
}
