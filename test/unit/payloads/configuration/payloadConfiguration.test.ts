import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPayloadConfiguration } from '../../../../src/payloads/configuration/payloadConfiguration';
import {
  datasourcesSharingContainer,
  listPayloadDatasources,
} from '../../../../src/payloads/configuration/payloadDatasources';

const SECRET = 'c2VjcmV0LWtleQ==';
const CONNECTION = `DefaultEndpointsProtocol=https;AccountName=payloads;AccountKey=${SECRET};EndpointSuffix=core.windows.net`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fhir-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(tenant: string, text: string): void {
  mkdirSync(join(folder, 'config', tenant), { recursive: true });
  writeFileSync(join(folder, 'config', tenant, 'fhir-server-config.json'), text);
}

const withGroups = (payload: unknown): string => JSON.stringify({ fhirServer: { persistence: { payload } } });

const blobGroup = (connectionProperties: Record<string, unknown> = {}, type: unknown = 'azure.blob') => ({
  type,
  connectionProperties: { connectionString: CONNECTION, ...connectionProperties },
});

const read = (tenant = 'default', ds = 'default', environment: Record<string, string> = {}) =>
  readPayloadConfiguration(folder, tenant, ds, environment);

async function problem(reading: Promise<unknown>): Promise<string> {
  const error: unknown = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'InvalidConfiguration' });
  const text = String(error);
  expect(text).not.toContain(SECRET);
  return text;
}

it('reads connection, container and service version of a datasource', async () => {
  write('default', withGroups({ other: blobGroup({ containerName: 'fhir-payload', serviceVersion: 'V2020_10_02' }) }));
  expect(await read('default', 'other')).toMatchObject({
    connectionString: CONNECTION,
    account: 'payloads.blob.core.windows.net',
    containerName: 'fhir-payload',
    serviceVersion: '2020-10-02',
  });
});

it.each([
  ['V2020_10_02', '2020-10-02'],
  ['2020-10-02', '2020-10-02'],
  ['V2026_02_06', '2026-02-06'],
])('takes the service version %s as %s', async (serviceVersion, expected) => {
  write('default', withGroups({ default: blobGroup({ serviceVersion }) }));
  expect((await read()).serviceVersion).toBe(expected);
});

it('names the container after tenant and datasource when the file does not', async () => {
  write('ClinicA', withGroups({ Main: blobGroup() }));
  expect((await read('ClinicA', 'Main')).containerName).toBe('clinica-main');
});

it('does not take the payload group of the default tenant for another tenant', async () => {
  write('default', withGroups({ default: blobGroup() }));
  write('clinic', JSON.stringify({ fhirServer: { core: {} } }));
  expect(await problem(read('clinic'))).toMatch(
    /clinic.fhir-server-config\.json: fhirServer\/persistence\/payload\/default: expected the payload group/,
  );
});

describe('environment variables', () => {
  it('are put into strings, with their default when they are not set', async () => {
    write(
      'default',
      withGroups({ default: blobGroup({ connectionString: '${AZ}', containerName: '${NAME:-of-default}' }) }),
    );
    expect(await read('default', 'default', { AZ: CONNECTION })).toMatchObject({
      connectionString: CONNECTION,
      containerName: 'of-default',
    });
    expect((await read('default', 'default', { AZ: CONNECTION, NAME: 'of-variable' })).containerName).toBe(
      'of-variable',
    );
  });

  it('cannot break the file nor change another value, whatever they hold', async () => {
    const hostile = `${CONNECTION};X=","containerName":"stolen\\\n`;
    write('default', withGroups({ default: blobGroup({ connectionString: '${AZ}', containerName: 'mine' }) }));
    expect(await read('default', 'default', { AZ: hostile })).toMatchObject({
      connectionString: hostile,
      containerName: 'mine',
    });
  });

  it('may stand outside of strings only as one JSON value', async () => {
    const file = (name: string) => withGroups({ default: blobGroup({ timeoutSecs: 0 }) }).replace(':0', `:\${${name}}`);
    write('default', file('N'));
    expect((await read('default', 'default', { N: '30' })).containerName).toBe('default-default');
    expect(await problem(read('default', 'default', { N: '30,"containerName":"stolen"' }))).toMatch(
      /environment variable N stands outside of quotes: expected one JSON value/,
    );
  });

  it('that are not set are named, with the place that needs them', async () => {
    write('default', withGroups({ default: blobGroup({ connectionString: '${AZ_CONN}' }) }));
    expect(await problem(read())).toMatch(
      /payload\/default\/connectionProperties\/connectionString: expected a connection string .* AZ_CONN is not set/,
    );
  });
});

it('decodes values that were hidden with {xor}', async () => {
  const hidden = `{xor}${Buffer.from(Buffer.from(CONNECTION).map((byte) => byte ^ 0x5f)).toString('base64')}`;
  write('default', withGroups({ default: blobGroup({ connectionString: hidden, containerName: '{xor}LyYyNjE6' }) }));
  // `securityUtility encode` writes {xor}LyYyNjE6 for "pymine".
  expect(await read()).toMatchObject({ connectionString: CONNECTION, containerName: 'pymine' });
});

it.each<[string, unknown, RegExp]>([
  ['another kind of store', blobGroup({}, 'cassandra'), /payload\/default\/type: expected "azure\.blob"/],
  [
    'no connection properties',
    { type: 'azure.blob' },
    /connectionProperties: expected an object with connectionString/,
  ],
  ['a number as connection string', blobGroup({ connectionString: 7 }), /connectionString: expected a text/],
  [
    'a broken connection string',
    blobGroup({ connectionString: `Key=${SECRET}` }),
    /connectionString: expected a connection/,
  ],
  ['an unusable service version', blobGroup({ serviceVersion: 'latest' }), /serviceVersion: expected a version/],
  ['a broken {xor} value', blobGroup({ containerName: '{xor}%%' }), /containerName: expected base64 after \{xor\}/],
  ['a short name', blobGroup({ containerName: 'v3' }), /containerName: expected 3 to 63/],
  ['upper case', blobGroup({ containerName: 'Payloads' }), /containerName: expected 3 to 63/],
  ['two hyphens', blobGroup({ containerName: 'a--b' }), /containerName: expected 3 to 63/],
  ['a hyphen at the end', blobGroup({ containerName: 'abc-' }), /containerName: expected 3 to 63/],
])('refuses %s with the place in the file and what was expected', async (_name, group, expected) => {
  write('default', withGroups({ default: group }));
  expect(await problem(read())).toMatch(expected);
});

it('says so when the default name of the container is none that Azure takes', async () => {
  write('clinic_a', withGroups({ default: blobGroup() }));
  expect(await problem(read('clinic_a'))).toMatch(/not set, and "clinic_a-default", its default, is no name/);
});

it('refuses a file that is not there, or no JSON, without quoting it', async () => {
  expect(await problem(read())).toMatch(
    /fhir-server-config\.json: expected the configuration of a tenant, but there is no such file/,
  );
  write('default', `{"connectionString":"${CONNECTION}"`);
  expect(await problem(read())).toMatch(/expected JSON/);
});

describe('all datasources of a folder', () => {
  it('tells which others store their payloads in the same container', async () => {
    write('a', withGroups({ one: blobGroup({ containerName: 'shared' }), two: blobGroup({ containerName: 'own' }) }));
    write('b', withGroups({ one: blobGroup({ containerName: '${B}' }), other: blobGroup({}, 'cassandra') }));
    write('c', JSON.stringify({ fhirServer: {} }));
    const all = await listPayloadDatasources(folder, { B: 'shared' });
    const sharing = datasourcesSharingContainer(all, await read('a', 'one'));
    expect(sharing.map(({ tenantId, dsId }) => `${tenantId}/${dsId}`)).toEqual(['b/one']);
    expect(all).toHaveLength(3);
  });

  it('lists those whose configuration cannot be used, because nobody knows their container', async () => {
    write('a', withGroups({ one: blobGroup({ containerName: '${NOT_SET}' }) }));
    write('b', '{');
    expect(await listPayloadDatasources(folder, {})).toMatchObject([
      { kind: 'unusable', tenantId: 'a', dsId: 'one' },
      { kind: 'unusable', tenantId: 'b', dsId: undefined },
    ]);
  });

  it('refuses a folder without config', async () => {
    expect(await problem(listPayloadDatasources(folder, {}))).toMatch(
      /config: expected a folder with one folder per tenant/,
    );
  });
});
