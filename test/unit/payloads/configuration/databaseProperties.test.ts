import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readDatabaseProperties } from '../../../../src/payloads/configuration/databaseProperties';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'database-properties-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const POSTGRES = ['db.host=db.example', 'db.port=5432', 'db.database=fhirdb', 'user=fhir'];

function file(lines: readonly string[], encoding: BufferEncoding = 'latin1'): string {
  const name = join(folder, 'database.properties');
  writeFileSync(name, lines.join('\n'), encoding);
  return name;
}

const postgres = (...lines: string[]) => readDatabaseProperties(file([...POSTGRES, ...lines]), 'postgresql');
const derby = (...lines: string[]) => readDatabaseProperties(file(lines), 'derby');

describe('PostgreSQL', () => {
  it('reads where the database is, and its schema is fhirdata unless the file says otherwise', async () => {
    expect(await postgres('password=change')).toEqual({
      kind: 'postgresql',
      host: 'db.example',
      port: 5432,
      database: 'fhirdb',
      user: 'fhir',
      password: 'change',
      schema: 'fhirdata',
      sslMode: 'prefer',
      rootCertificateFile: undefined,
      ignored: [],
    });
  });

  it('reads escapes, continued lines and Latin-1 as Java does', async () => {
    const settings = await readDatabaseProperties(
      file([
        '# comment',
        'db.host : db.example',
        'db.port=5432',
        'user=fhir',
        'db.database=fhir\\\n  db',
        'password=gr\u00fc\\u00DF\\=\\:x',
      ]),
      'postgresql',
    );
    expect(settings).toMatchObject({ host: 'db.example', database: 'fhirdb', password: 'grüß=:x' });
  });

  it.each([
    ['currentSchema=tenant1', 'tenant1'],
    ['currentSchema=TENANT1', 'tenant1'],
    ['currentSchema="Tenant1"', 'Tenant1'],
    ['db.default.schema=Tenant1', 'Tenant1'],
  ])('takes the schema of %s', async (line, schema) => {
    expect(await postgres(line)).toMatchObject({ schema });
  });

  it.each([
    ['sslmode=disable', 'disable', undefined],
    ['sslmode=allow', 'prefer', undefined],
    ['sslmode=require', 'require', undefined],
    ['sslmode=verify-ca', 'verify-ca', undefined],
    ['sslmode=verify-full\nsslrootcert=/etc/ca.pem', 'verify-full', '/etc/ca.pem'],
    ['ssl=true', 'verify-full', undefined],
    ['ssl=false', 'prefer', undefined],
  ])('reads %j as the driver does', async (lines, sslMode, rootCertificateFile) => {
    expect(await postgres(lines)).toMatchObject({ sslMode, rootCertificateFile });
  });

  it('lists what means nothing here', async () => {
    expect(await postgres('ApplicationName=x', 'tcpKeepAlive=true')).toMatchObject({
      ignored: ['ApplicationName', 'tcpKeepAlive'],
    });
  });

  it.each([
    [['db.port=1'], /db\.host: expected the host/],
    [['db.host=h', 'db.port=x', 'db.database=d'], /db\.port: expected a number from 1 to 65535/],
    [['db.host=h', 'db.port=70000', 'db.database=d'], /db\.port: expected/],
    [['db.host=h', 'db.port=1', 'db.database= '], /db\.database: expected the name/],
    [[...POSTGRES, 'sslmode=always'], /sslmode: expected allow, disable, prefer, require/],
    [POSTGRES.slice(0, 3), /user: expected the role/],
    [[...POSTGRES, 'currentSchema=a,b'], /currentSchema: expected the name of one schema/],
    [[...POSTGRES, 'currentSchema=a', 'db.default.schema=b'], /db\.default\.schema: expected the same schema/],
    [[...POSTGRES, 'targetServerType=secondary'], /targetServerType: not supported/],
    [[...POSTGRES, 'sslkey=secret'], /sslkey: not supported/],
  ])('refuses %j with the key and what was expected', async (lines, expected) => {
    const reading = readDatabaseProperties(file(lines), 'postgresql');
    await expect(reading).rejects.toThrow(expected);
    await expect(reading).rejects.not.toThrow(/secret/);
  });
});

describe('Derby', () => {
  it('reads the folder and its schema, which is APP unless the file says otherwise', async () => {
    expect(await derby('db.database=derby/fhirDB', 'db.create=N')).toEqual({
      kind: 'derby',
      folder: resolve('derby/fhirDB'),
      schema: 'APP',
      user: undefined,
      password: undefined,
      encryption: {},
    });
    expect(await derby('db.database=/d', 'db.default.schema=FHIRDATA', 'bootPassword=s')).toMatchObject({
      schema: 'FHIRDATA',
      encryption: { bootPassword: 's' },
    });
  });

  it.each([
    [['db.default.schema=FHIRDATA'], /db\.database: expected the folder/],
    [['db.database=/d;create=true'], /db\.database: expected a folder without ;/],
    [['db.database=/d', 'db.create=Y'], /db\.create: expected N/],
    [['db.database=/d', 'db.derby.memory=Y'], /db\.derby\.memory: expected N/],
    [['db.database=/d', 'restoreFrom=/backup'], /restoreFrom: not supported/],
  ])('refuses %j, because it is not the database of the server as it is', async (lines, expected) => {
    await expect(derby(...lines)).rejects.toThrow(expected);
  });
});

it('refuses a file that is not there', async () => {
  await expect(readDatabaseProperties(join(folder, 'none'), 'derby')).rejects.toThrow(
    /none: expected database properties, but there is no such file/,
  );
});
