import { createPayloadContainer } from '../../../src/payloads/container/azureContainer';
import {
  blobNameOf,
  parsePayloadPath,
  payloadLine,
  readPayloads,
  type TypeNames,
} from '../../../src/payloads/readPayload';
import { useAzurite } from '../../support/azurite';

const azurite = useAzurite();
const { signal } = new AbortController();
const KEY = '0257adb5-4fbc-4431-9ada-28eb679b7dc4';
const OTHER_KEY = '1257adb5-4fbc-4431-9ada-28eb679b7dc4';
const types: TypeNames = new Map([[104, { id: 104, name: 'Patient' }]]);

const STORED = [
  `104/my*blob*/1/${KEY}`,
  `104/my*blob*/1/${OTHER_KEY}`,
  `104/my*blob*/10/${KEY}`,
  `104/my*blob*/7/${KEY}`,
  `104/my*blob*/7/${KEY}/more`,
  `104/my*blob*s/7/${KEY}`,
];

async function linesOf(path: string, names: TypeNames): Promise<string[]> {
  const client = await azurite.container();
  for (const name of STORED) await client.getBlockBlobClient(name).upload('{"é":1}', 8);
  const lines = [];
  for await (const payload of readPayloads(createPayloadContainer(client), parsePayloadPath(path, names), signal))
    lines.push(payloadLine(payload, names));
  return lines;
}

describe('reading payloads', () => {
  it('reads one by its full key, by name or id of the type, decoded or encoded, as the Java tool prints it', async () => {
    const line = `Patient/my.blob./7/${KEY}: {"é":1}`;
    for (const type of ['104', 'Patient'])
      for (const id of ['my.blob.', 'my*blob*', 'my.blob*'])
        expect(await linesOf(`${type}/${id}/7/${KEY}`, types)).toEqual([line]);
    expect(await linesOf(`104/my.blob./7/${KEY}/`, undefined)).toEqual([line.replace('Patient', '104')]);
  });

  it('reads all of a version, and not those of a longer one', async () => {
    expect(await linesOf('Patient/my.blob./1', types)).toEqual([
      `Patient/my.blob./1/${KEY}: {"é":1}`,
      `Patient/my.blob./1/${OTHER_KEY}: {"é":1}`,
    ]);
  });

  it('reads all of a resource in the order of the listing, and not those of a longer id', async () => {
    expect((await linesOf('104/my.blob.', types)).map((line) => line.split('/')[2])).toEqual(['1', '1', '10', '7']);
  });

  it('gives nothing for a version that is not there, and an error for a key that is not', async () => {
    expect(await linesOf('104/my.blob./8', types)).toEqual([]);
    await expect(linesOf(`104/my.blob./8/${KEY}`, types)).rejects.toMatchObject({
      code: 'PayloadNotFound',
      message: expect.stringMatching(`^blob fetch failed: test-[^:]+:104/my\\*blob\\*/8/${KEY}$`) as string,
    });
  });
});

describe('a path to a payload', () => {
  it.each([
    ['104', types, 'TooFewParts', 'blobPath must contain at least 2 parts: resourceType/logicalId'],
    ['104//', types, 'TooFewParts', 'at least 2 parts'],
    [`104/a/1/${KEY}/x`, types, 'TooManyParts', 'no more than 4 parts'],
    [
      'Patient/a',
      undefined,
      'NameNeedsDatabase',
      'Must use resourceTypeId for path, or provide a database configuration to allow lookup',
    ],
    ['patient/a', types, 'UnknownType', 'name of one that the database has'],
    ['../a', types, 'UnknownType', 'id of a resource type'],
    ['2147483648/a', types, 'UnknownType', 'id of a resource type'],
    ['104//1/k', types, 'InvalidId', 'logical id'],
    ['104/%2e%2e/1/k', types, 'InvalidId', 'logical id'],
    [`104/${'a'.repeat(65)}`, types, 'InvalidId', '64'],
    ['104/a/0/k', types, 'InvalidVersion', '2147483647'],
    ['104/a/01', types, 'InvalidVersion', '2147483647'],
    ['104/a/2147483648', types, 'InvalidVersion', '2147483647'],
    ['104/a/1/..', types, 'InvalidKey', 'UUID'],
    ['104/a/1/k\u0000', types, 'InvalidKey', 'UUID'],
    ['104/a\u0000', types, 'InvalidId', 'logical id'],
    ['104\u0000/a', types, 'UnknownType', 'id of a resource type'],
    ['104/a/1\u0000', types, 'InvalidVersion', '2147483647'],
    ['104/a%2Fb', types, 'InvalidId', 'logical id'],
    ['104/a/99999999999999999999', types, 'InvalidVersion', '2147483647'],
  ])('%p is refused with the part that is wrong', (path, names, code, message) => {
    const parse = () => parsePayloadPath(path, names);
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ code }) as Error);
  });

  it('has an id of up to 64 characters, each of those that FHIR allows', () => {
    const id = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.';
    const path = parsePayloadPath(`2147483647/${id}/2147483647/${KEY}`, types);
    expect(path).toEqual({ typeId: 2_147_483_647, logicalId: id, version: 2_147_483_647, key: KEY });
    expect(blobNameOf(path)).toBe(`2147483647/${id.replace('.', '*')}/2147483647/${KEY}`);
  });

  it('takes dots as a logical id, for they are stored as asterisks', () => {
    expect(blobNameOf(parsePayloadPath('104/../2147483647', types))).toBe('104/**/2147483647/');
  });
});
