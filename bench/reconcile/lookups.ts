import { TYPES } from './generatedPayloads';
import { keysFound, OLD_PAGE_SIZE, oldConnection, type WorkDone } from './javaToolsWay';
import { openDatabase } from './ourRun';
import type { DatabaseAddress } from './payloadDatabases';
import type { PayloadKey } from '../../src/payloads/blobName';

/** The lookup alone, page after page in the order of the names, as a scan meets them. */

const OUR_PAGE = 5000;
/** Once would be over too soon to be measured. */
const OUR_PASSES = 5;

export interface LookupInput {
  readonly database: DatabaseAddress;
  readonly payloads: readonly PayloadKey[];
  /** Called after each page. */
  readonly onPage?: () => void;
}

export async function ourLookup({ database: address, payloads, onPage }: LookupInput): Promise<WorkDone> {
  const database = openDatabase(address);
  let orphans = 0;
  try {
    const types = await database.resourceTypes();
    for (let pass = 0; pass < OUR_PASSES; pass++)
      for (const { id, page } of pagesOf(payloads, OUR_PAGE)) {
        const type = types.get(id);
        if (type === undefined) throw new Error(`There is no resource type ${id}`);
        orphans += (await database.look({ type, payloads: page, deciding: false })).orphans.size;
        onPage?.();
      }
  } finally {
    await database.close();
  }
  return { names: payloads.length * OUR_PASSES, orphans: orphans / OUR_PASSES, deleted: 0 };
}

export async function orLookup({ database, payloads, onPage }: LookupInput): Promise<WorkDone> {
  const client = await oldConnection(database);
  let orphans = 0;
  try {
    for (const { name, page } of pagesOf(payloads, OLD_PAGE_SIZE)) {
      orphans += page.length - (await keysFound(client, name, page)).length;
      onPage?.();
    }
  } finally {
    await client.end();
  }
  return { names: payloads.length, orphans, deleted: 0 };
}

interface Page {
  readonly id: number;
  readonly name: string;
  readonly page: readonly PayloadKey[];
}

function* pagesOf(all: readonly PayloadKey[], pageSize: number): Generator<Page> {
  for (const { id, name } of TYPES) {
    const ofType = all.filter(({ typeId }) => typeId === id);
    for (let at = 0; at < ofType.length; at += pageSize) yield { id, name, page: ofType.slice(at, at + pageSize) };
  }
}
