import { join } from 'node:path';
import SqlBlobConfiguration from 'azurite/dist/src/blob/SqlBlobConfiguration';
import SqlBlobServer from 'azurite/dist/src/blob/SqlBlobServer';
import { configLogger } from 'azurite/dist/src/common/Logger';
import { DEFAULT_SQL_OPTIONS } from 'azurite/dist/src/common/utils/constants';
import { ACCOUNT_KEY, ACCOUNT_NAME } from '../../local/azurite/azurite';
import type { BlobPlace, Emulator } from './azuriteStore';
import type { MariaDb } from './mariaDb';

const NAMES_AT_ONCE = 20_000;
/**
 * Rows lie in the order of the names. With Azurite's own keys MariaDB goes through all names of the container from the first one on for
 * each page (its plan is ref instead of range), so that a page takes the longer the further back it is.
 */
const ROWS_BY_NAME = `alter table Blobs
  drop index blobs_account_name_container_name_blob_name_snapshot_deleting, drop primary key,
  add primary key (accountName, containerName, blobName, snapshot, deleting), add unique (blobId)`;

/** Azurite's blob service with its metadata in a SQL database, as Azurite makes it of its variable AZURITE_DB. */
export async function startAzuriteOnSql({ url, folder }: MariaDb): Promise<Emulator> {
  configLogger(false);
  const contents = { locationId: 'Default', locationPath: join(folder, 'contents'), maxConcurrency: 1 };
  const server = new SqlBlobServer(
    new SqlBlobConfiguration(
      ...(['127.0.0.1', 0, 60, url, DEFAULT_SQL_OPTIONS, [contents]] as const),
      ...([false, undefined, false, undefined, false, true] as const),
    ),
  );
  await server.start();
  await server.metadataStore.sequelize.query(ROWS_BY_NAME);
  // It reads the table of blobs from end to end every ten minutes, which would fall into the measures of one contestant only.
  await server.gcManager.close();
  return {
    connectionString: [
      'DefaultEndpointsProtocol=http',
      `AccountName=${ACCOUNT_NAME}`,
      `AccountKey=${ACCOUNT_KEY}`,
      `BlobEndpoint=${server.getHttpServerAddress()}/${ACCOUNT_NAME}`,
    ].join(';'),
    addCopies: (original, copies, lastModified) =>
      addRows(server.metadataStore.sequelize, original, copies, lastModified),
  };
}

type Database = SqlBlobServer['metadataStore']['sequelize'];

/** In the order of the names, in which the index grows at its end only. */
async function addRows(database: Database, of: BlobPlace, copies: readonly string[], time: Date): Promise<void> {
  const run = (sql: string, replacements = {}): ReturnType<Database['query']> => database.query(sql, { replacements });
  const isOriginal = 'containerName = :container and blobName = :blob';
  await run(`update Blobs set lastModified = :time, creationTime = :time where ${isOriginal}`, { ...of, time });
  const [[original]] = await run(`select * from Blobs where ${isOriginal}`, { ...of });
  if (original === undefined) throw new Error(`There is no blob ${of.blob} in ${of.container}`);

  await run('create table CopyNames (name varchar(255) collate utf8mb4_bin primary key)');
  const names = [...copies].sort();
  for (let at = 0; at < names.length; at += NAMES_AT_ONCE) {
    const rows = names.slice(at, at + NAMES_AT_ONCE).map((name) => [name]);
    await run('insert into CopyNames values :rows', { rows });
  }
  const alike = Object.keys(original).filter((column) => column !== 'blobId' && column !== 'blobName');
  await run(
    `insert into Blobs (blobName, ${alike.join()})
     select name, ${alike.join()} from CopyNames join Blobs on ${isOriginal} order by name`,
    { ...of },
  );
  await run('drop table CopyNames');
  await run('analyze table Blobs');
}
