import type { ContainerClient } from '@azure/storage-blob';
import { createPayloadContainer } from '../../../src/payloads/container/azureContainer';
import type { FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import { openPostgres } from '../../../src/payloads/database/postgresDatabase';
import { createPostgresFhirDatabase } from '../../../src/payloads/database/postgresFhirDatabase';
import type { PayloadStore } from '../../../src/payloads/payloadStore';
import type { Finding } from '../../../src/payloads/runs/reportStore';
import { useAzurite } from '../../support/azurite';
import { goldenExpected, goldenNames, loadGolden, storeGolden } from './golden';
import { startPostgres, type PostgresServer } from './postgresServer';
import { limitsOfTests, nextSecondOfStorage, reconcileServices, runToTheEnd } from './reconcileRig';

const azurite = useAzurite();
let server: PostgresServer;
let database: FhirDatabase;
let client: ContainerClient;
let store: PayloadStore;

beforeAll(async () => {
  server = await startPostgres();
  await loadGolden(server.connection);
  const connection = { ...server.connection, sslMode: 'disable' } as const;
  database = createPostgresFhirDatabase(openPostgres({ connection }), { schema: 'fhirdata', description: 'golden' });
  client = await azurite.container();
  await storeGolden(azurite.running, client);
  await nextSecondOfStorage(client);
  store = { tenantId: 'default', dsId: 'default', container: createPayloadContainer(client), database };
}, 120_000);

afterAll(async () => {
  await database.close();
  await server.stop();
});

/** The names that the golden data calls an orphan, malformed (also by another spelling), or the payload of a tombstone. */
function truth(word: string): readonly string[] {
  return goldenExpected.added_blobs.filter(({ exact }) => exact === word).map(({ name }) => name);
}

const byName = (findings: readonly Finding[]) => new Map(findings.map((finding) => [finding.name, finding]));

describe.each([
  { how: 'in one walk', fanOut: false, pageSize: 5000 },
  { how: 'in small pages', fanOut: false, pageSize: 97 },
  { how: 'in shards', fanOut: true, pageSize: 5000 },
  { how: 'in shards and tiny pages', fanOut: true, pageSize: 13 },
])('a report of the golden container without grace, $how', ({ fanOut, pageSize }) => {
  const services = () => reconcileServices(store, { limits: { ...limitsOfTests, fanOut, pageSize } });

  it('counts every blob exactly once, under the verdict that is true', async () => {
    const { view } = await runToTheEnd(services());
    expect(view).toMatchObject({ state: 'complete', dryRun: true });
    expect(view.totals).toEqual({
      listed: goldenNames.length,
      parsed: 1217,
      ok: goldenExpected.exact_verdict_counts.referenced,
      orphans: goldenExpected.exact_verdict_counts.orphan,
      noRow: 15,
      otherKey: 8,
      tombstone: goldenExpected.exact_verdict_counts.tombstone_payload,
      malformed: 8,
      nonCanonical: 4,
    });
  });

  it('names each orphan and each odd blob once', async () => {
    const { findings } = await runToTheEnd(services());
    const found = byName(findings);
    expect(found.size).toBe(findings.length);
    for (const name of truth('orphan')) expect(found.get(name)?.verdict).toBe('orphan');
    for (const name of truth('malformed')) expect(found.get(name)?.verdict).toMatch(/^(malformed|non-canonical)$/);
    for (const name of truth('tombstone_payload')) expect(found.get(name)?.verdict).toBe('tombstone');
    expect(findings.filter(({ verdict }) => verdict === 'orphan')).toHaveLength(23);
  });
});
