import fc from 'fast-check';
import { payloadBlobName, readBlobName } from '../../../src/payloads/blobName';

const KEY = '0257adb5-4fbc-4431-9ada-28eb679b7dc4';
const FHIR_ID = fc.string({
  unit: fc.constantFrom(...Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.')),
  minLength: 1,
  maxLength: 64,
});
const INTEGER = fc.integer({ min: 1, max: 2_147_483_647 });

describe('names of payload blobs', () => {
  it('reads back every name that the server can write', () => {
    fc.assert(
      fc.property(INTEGER, FHIR_ID, INTEGER, fc.uuid(), (typeId, logicalId, version, key) => {
        const payload = { typeId, logicalId, version, key };
        expect(readBlobName(payloadBlobName(payload))).toEqual({ kind: 'payload', payload });
      }),
    );
  });

  it('takes two different names never for the same payload', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const reading = readBlobName(name);
        return reading.kind !== 'payload' || payloadBlobName(reading.payload) === name;
      }),
    );
    expect(readBlobName(`97/my.blob/7/${KEY}`).kind).toBe('non-canonical');
  });

  it.each([
    [`97/my*blob*/7/${KEY}`, 'my.blob.', 7],
    [`104/***/1/${KEY}`, '...', 1],
    [`104/${'x'.repeat(64)}/2147483647/${KEY}`, 'x'.repeat(64), 2_147_483_647],
  ])('reads %s', (name, logicalId, version) => {
    expect(readBlobName(name)).toMatchObject({ kind: 'payload', payload: { logicalId, version } });
  });

  it.each([`+104/pat-0001/1/${KEY}`, `104/pat-0001/01/${KEY}`, `104/pat.0001/1/${KEY}`, `104/pat-0001/1/${KEY}/`])(
    'tells %s as another spelling, which is never looked up',
    (name) => {
      expect(readBlobName(name).kind).toBe('non-canonical');
    },
  );

  it.each([
    ['nothing', ''],
    ['one part', 'readme.txt'],
    ['three parts', '104/pat-0001/1'],
    ['five parts', `104/pat-0001/1/${KEY}/x`],
    ['an empty id', `104//1/${KEY}`],
    ['an id of 65 characters', `104/${'x'.repeat(65)}/1/${KEY}`],
    ['a NUL', `104/pat\0/1/${KEY}`],
    ['a line break at the end', `104/pat-0001/1/${KEY}\n`],
    ['a percent sign', `104/%2e%2e/1/${KEY}`],
    ['letters outside ASCII', `104/ünï/1/${KEY}`],
    ['digits outside ASCII', `104/pat-0001/١/${KEY}`],
    ['a negative version', `104/pat-0001/-2/${KEY}`],
    ['version 0', `104/pat-0001/0/${KEY}`],
    ['version 2^31', `104/pat-0001/2147483648/${KEY}`],
    ['type 2^31', `2147483648/pat-0001/1/${KEY}`],
    ['a type that is a name', `Patient/pat-0001/1/${KEY}`],
    ['a key in upper case', `104/pat-0001/1/${KEY.toUpperCase()}`],
    ['a key that is no UUID', '104/pat-0001/1/not-a-uuid'],
    ['a key that is too long', `104/pat-0001/1/${KEY}-x`],
  ])('calls a name with %s malformed', (_, name) => {
    expect(readBlobName(name)).toEqual({ kind: 'malformed' });
  });
});
