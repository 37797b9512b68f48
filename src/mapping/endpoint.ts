import type { Endpoint, Identifier } from 'fhir/r4';
import { sameIdentifier } from './identifiers';
import { type CastSource, metaOf } from './source';
import { URI_SYSTEM } from './systems';

/** Found by this: R4 has no search parameter for the address. */
export function endpointIdentifier({ address }: CastSource): Identifier {
  return { system: URI_SYSTEM, value: address };
}

/** The name that DICOM Cast gave its Endpoints: one that it left behind is found by it. */
export function endpointName({ address }: CastSource): string {
  return `DICOM WADO-RS endpoint ${address}`;
}

/** The WADO-RS Endpoint of one service and partition; its address is what clients append `/studies/...` to. */
export function endpointFor(source: CastSource): Endpoint {
  return {
    resourceType: 'Endpoint',
    meta: metaOf(source),
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

/** An Endpoint that is there already, with what it lacks: the identifier, and the address as clients need it. Nothing else is touched. */
export function reconcileEndpoint(existing: Endpoint, source: CastSource): Endpoint {
  const wanted = endpointIdentifier(source);
  const identified = existing.identifier?.some((one) => sameIdentifier(one, wanted)) === true;
  return {
    ...existing,
    identifier: identified ? existing.identifier : [...(existing.identifier ?? []), wanted],
    address: source.address,
  };
}
