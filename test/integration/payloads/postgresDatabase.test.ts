import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { openPostgres, type PostgresConnection } from '../../../src/payloads/database/postgresDatabase';
import type { SslMode } from '../../../src/payloads/database/postgresTls';
import { grantReading, loadGolden } from './golden';
import { openSchema, startPostgres, type PostgresServer } from './postgresServer';

const PASSWORD = 'correct horse';
const certificates = join(__dirname, '..', '..', 'fixtures', 'tls');
const certificate = readFileSync(join(certificates, 'localhost.pem'), 'utf8');

let server: PostgresServer;
let owner: Client;

beforeAll(async () => {
  server = await startPostgres();
  await loadGolden(server.connection);
  await grantReading(server.connection, 'reader');
  owner = new Client(server.connection);
  await owner.connect();
  server.putFile('server.crt', certificate);
  server.putFile('server.key', readFileSync(join(certificates, 'localhost-key.pem'), 'utf8'));
  server.putFile('pg_hba.conf', 'host all reader 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n');
  await owner.query(`alter role reader password '${PASSWORD}'`);
  await owner.query('alter system set ssl = on');
  await owner.query('select pg_reload_conf()');
}, 60_000);

afterAll(async () => {
  await owner.end();
  await server.stop();
});

const reader = (change: Partial<PostgresConnection> = {}): PostgresConnection => ({
  ...server.connection,
  user: 'reader',
  password: PASSWORD,
  ...change,
});

async function ask<T>(
  connection: PostgresConnection,
  question: (run: (text: string) => Promise<unknown>) => Promise<T>,
) {
  const database = openPostgres({ connection });
  try {
    return await database.readOnly(question);
  } finally {
    await database.close();
  }
}

const failureOf = (connection: PostgresConnection): Promise<unknown> =>
  ask(connection, (run) => run('select 1')).catch((error: unknown) => error);

describe('a connection', () => {
  it('says what is wrong with its settings, and never the password or where it leads', async () => {
    const failures = {
      'wrong-password': reader({ password: 'sesame-9' }),
      'unknown-database': reader({ database: 'no-such-database' }),
      unreachable: reader({ port: 1 }),
    };
    for (const [code, connection] of Object.entries(failures)) {
      const failure = await failureOf(connection);
      expect(failure).toMatchObject({ name: 'DatabaseFailure', code });
      expect(JSON.stringify([failure, String(failure), (failure as Error).stack])).not.toMatch(
        /sesame|correct horse|127\.0\.0\.1/,
      );
    }
    await expect(failureOf(reader({ host: 'no-such-host.invalid' }))).resolves.toMatchObject({ code: 'unreachable' });
  });

  it('knows what may go away by itself', async () => {
    await expect(failureOf(reader({ port: 1 }))).resolves.toMatchObject({ isTransient: true });
    await expect(failureOf(reader({ password: 'x' }))).resolves.toMatchObject({ isTransient: false });
  });

  it.each(['40001', '40P01'])('asks again after SQLSTATE %s, which is about others', async (sqlState) => {
    const database = openPostgres({ connection: reader() });
    const raised = database.readOnly((run) => run(`do $$ begin raise exception using errcode = '${sqlState}'; end $$`));
    await expect(raised).rejects.toMatchObject({ code: 'interrupted', sqlState, isTransient: true });
    await database.close();
  });

  it('asks for a token each time it connects anew', async () => {
    let asked = 0;
    const database = openPostgres({
      connection: reader({
        password: () => {
          asked += 1;
          return Promise.resolve(asked === 2 ? 'expired' : PASSWORD);
        },
      }),
    });
    try {
      await database.readOnly((run) => run('select 1'));
      await database.readOnly((run) => run('select 1'));
      expect(asked).toBe(1);
      // A failed statement closes its connection.
      await expect(database.readOnly((run) => run('select 1 / 0'))).rejects.toMatchObject({ sqlState: '22012' });
      await expect(database.readOnly((run) => run('select 1'))).rejects.toMatchObject({ code: 'wrong-password' });
      await database.readOnly((run) => run('select 1'));
      expect(asked).toBe(3);
    } finally {
      await database.close();
    }
  });

  it('tells no secret of the source of its tokens', async () => {
    const failure = await failureOf(reader({ password: () => Promise.reject(new Error('secret of the vault')) }));
    expect(failure).toMatchObject({ code: 'no-token' });
    expect(String(failure)).not.toContain('vault');
  });

  it('ends a question that takes too long, and answers the next one', async () => {
    const database = openPostgres({ connection: reader() });
    try {
      await expect(database.readOnly((run) => run('select pg_sleep(20)'), 50)).rejects.toMatchObject({
        code: 'timed-out',
        isTransient: true,
      });
      await expect(database.readOnly((run) => run('select 1 as one'))).resolves.toEqual([{ one: 1 }]);
    } finally {
      await database.close();
    }
  });

  it('says that it was ended when the database ends it in the middle of a question, and connects anew', async () => {
    const database = openPostgres({ connection: reader() });
    try {
      const killed = database.readOnly(async (run) => {
        const [row] = await run('select pg_backend_pid() as pid');
        await owner.query('select pg_terminate_backend($1)', [row?.pid]);
        return run('select 1');
      });
      await expect(killed).rejects.toMatchObject({ code: 'unreachable', isTransient: true });
      await expect(database.readOnly((run) => run('select 1 as one'))).resolves.toEqual([{ one: 1 }]);
    } finally {
      await database.close();
    }
  });
});

describe('encryption', () => {
  const attempt = async (sslMode: SslMode, host: string, sslRootCertificate?: string): Promise<unknown> => {
    const connection = reader({ sslMode, host, ...(sslRootCertificate === undefined ? {} : { sslRootCertificate }) });
    return ask(connection, (run) => run('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).catch(
      (error: unknown) => error,
    );
  };

  it('is as strict as its mode says', async () => {
    const encrypted = [{ ssl: true }];
    const refused = expect.objectContaining({ name: 'DatabaseFailure', code: 'tls', isTransient: false }) as unknown;
    expect(await attempt('disable', '127.0.0.1')).toEqual([{ ssl: false }]);
    expect(await attempt('prefer', '127.0.0.1')).toEqual(encrypted);
    expect(await attempt('require', '127.0.0.1')).toEqual(encrypted);
    expect(await attempt('verify-ca', '127.0.0.1', certificate)).toEqual(encrypted);
    expect(await attempt('verify-full', 'localhost', certificate)).toEqual(encrypted);
    // An authority that nobody knows, and a name that the certificate lacks.
    expect(await attempt('verify-ca', '127.0.0.1')).toEqual(refused);
    expect(await attempt('verify-full', 'localhost')).toEqual(refused);
    expect(await attempt('verify-full', '127.0.0.1', certificate)).toEqual(refused);
  });

  it('is given up when the server has none only where the mode allows it', async () => {
    await owner.query('alter system set ssl = off');
    await owner.query('select pg_reload_conf()');
    const required = await attempt('require', '127.0.0.1');
    const database = openPostgres({ connection: reader({ sslMode: 'prefer' }) });
    const question = () => database.readOnly((run) => run('select ssl from pg_stat_ssl where pid = pg_backend_pid()'));
    const preferred = await Promise.all([question(), question()]);
    await database.close();
    await owner.query('alter system set ssl = on');
    await owner.query('select pg_reload_conf()');
    expect(required).toMatchObject({ name: 'DatabaseFailure', code: 'tls' });
    expect(preferred).toEqual([[{ ssl: false }], [{ ssl: false }]]);
  });
});

describe('a schema', () => {
  it('without the tables of a FHIR server is told as such', async () => {
    const database = openSchema(reader(), 'no_such_schema');
    await expect(database.resourceTypes()).rejects.toMatchObject({
      code: 'no-tables',
      message: expect.stringContaining('resource_types') as unknown,
    });
    await database.close();
  });

  it('that the role may not read is told by the types whose tables it lacks', async () => {
    await owner.query('revoke select on fhirdata.patient_resources from reader');
    const database = openSchema(reader());
    await expect(database.resourceTypes()).rejects.toMatchObject({
      code: 'no-rights',
      message: expect.stringContaining('Patient') as unknown,
    });
    await owner.query(
      'grant select on fhirdata.patient_resources to reader; revoke usage on schema fhirdata from reader',
    );
    await expect(database.resourceTypes()).rejects.toMatchObject({ code: 'no-rights' });
    await owner.query('grant usage on schema fhirdata to reader');
    await expect(database.resourceTypes()).resolves.toMatchObject({ size: 6 });
    await database.close();
  });
});
