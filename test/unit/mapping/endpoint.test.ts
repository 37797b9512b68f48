import type { Endpoint } from 'fhir/r4';
import { endpointFor, endpointIdentifier, endpointName, reconcileEndpoint } from '../../../src/mapping/endpoint';
import { sameMeaning } from '../../../src/mapping/sameMeaning';
import { castSource } from '../../../src/mapping/source';

const source = castSource('https://d.example', 'v2', 'p1');
const ADDRESS = 'https://d.example/v2/partitions/p1';

describe('the Endpoint of a source', () => {
  test('is a WADO-RS Endpoint whose address is its identifier', () => {
    expect(endpointFor(source)).toEqual({
      resourceType: 'Endpoint',
      meta: { source: ADDRESS, tag: [{ system: 'urn:fhir-imaging-functions:cast-source', code: ADDRESS }] },
      identifier: [{ system: 'urn:ietf:rfc:3986', value: ADDRESS }],
      status: 'active',
      connectionType: {
        system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
        code: 'dicom-wado-rs',
      },
      name: `DICOM WADO-RS endpoint ${ADDRESS}`,
      payloadType: [
        {
          coding: [{ system: 'http://terminology.hl7.org/CodeSystem/endpoint-payload-type', code: 'none' }],
          text: 'DICOM WADO-RS',
        },
      ],
      payloadMimeType: ['application/dicom'],
      address: ADDRESS,
    });
  });

  test('of DICOM Cast is found by its name, and gets the identifier and the address that clients need, once', () => {
    const old: Endpoint = {
      resourceType: 'Endpoint',
      id: '1',
      status: 'active',
      connectionType: { code: 'dicom-wado-rs' },
      name: `DICOM WADO-RS endpoint ${ADDRESS}/`,
      payloadType: [{ text: 'DICOM WADO-RS' }],
      address: `${ADDRESS}/`,
    };
    expect(old.name?.startsWith(endpointName(source))).toBe(true);
    const adopted = reconcileEndpoint(old, source);
    expect(adopted).toEqual({ ...old, identifier: [endpointIdentifier(source)], address: ADDRESS });
    expect(sameMeaning(old, adopted)).toBe(false);
    expect(sameMeaning(adopted, reconcileEndpoint(adopted, source))).toBe(true);
  });

  test('loses a Retrieve Location UID that is no longer configured, and no other extension', () => {
    const other = { url: 'https://x.example/e', valueString: 'y' };
    const before = endpointFor(source, '1.2.3');
    expect(reconcileEndpoint(before, source, '1.2.4').extension).toMatchObject([{ valueString: '1.2.4' }]);
    expect(reconcileEndpoint(before, source)).toEqual(endpointFor(source));
    const held = { ...before, extension: [...(before.extension ?? []), other] };
    expect(reconcileEndpoint(held, source).extension).toEqual([other]);
  });

  test('keeps the Retrieve Location UID that somebody else wrote into an Endpoint of theirs', () => {
    const { meta, ...theirs } = endpointFor(source, '1.2.3');
    expect(meta).toBeDefined();
    expect(reconcileEndpoint(theirs, source)).toEqual(theirs);
  });

  test('keeps what others wrote into it', () => {
    const held: Endpoint = {
      ...endpointFor(source),
      status: 'suspended',
      identifier: [{ system: 'https://x.example', value: '9' }, endpointIdentifier(source)],
      period: { start: '2024-01-01' },
    };
    expect(reconcileEndpoint(held, source)).toEqual(held);
  });
});
