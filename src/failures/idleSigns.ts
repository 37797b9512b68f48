import { odata, type TableClient } from '@azure/data-tables';
import type { StudyKey } from '../dicom/studyKey';
import { statusOf } from './storageError';
import { entriesOfStudy } from './studySelection';
import { afterSigns, firstSign, studyOfSign } from './tableKeys';

/** Signs of one call: where very many studies have failed, their turn comes in later ones. */
const MOST_AT_ONCE = 200;
const CHECKED_AGAIN_AFTER_MS = 3_600_000;

/**
 * Takes away signs of studies that have no entries any more; until then each costs the passes over its study one request.
 * A sign that is put again meanwhile has another ETag and stays.
 * @returns how many went
 */
export async function removeIdleSigns(table: TableClient, clock: () => Date, signal: AbortSignal): Promise<number> {
  const before = new Date(clock().getTime() - CHECKED_AGAIN_AFTER_MS);
  const filter = odata`RowKey ge ${firstSign} and RowKey lt ${afterSigns} and Timestamp lt ${before}`;
  const options = { queryOptions: { filter }, abortSignal: signal };
  for await (const signs of table.listEntities(options).byPage({ maxPageSize: MOST_AT_ONCE })) {
    const gone = await Promise.all(signs.map((sign) => removeIfIdle(table, sign, signal)));
    if (signs.length > 0) return gone.filter(Boolean).length;
  }
  return 0;
}

interface Sign {
  readonly partitionKey?: string;
  readonly rowKey?: string;
  readonly etag: string;
}

async function removeIfIdle(
  table: TableClient,
  { partitionKey = '', rowKey = '', etag }: Sign,
  signal: AbortSignal,
): Promise<boolean> {
  const study = studyOfSign(rowKey);
  const options = { etag, abortSignal: signal };
  try {
    if (study !== undefined && (await hasEntries(table, study, signal))) {
      // A new time stamp: it is some other sign's turn next.
      await table.updateEntity({ partitionKey, rowKey }, 'Merge', options);
      return false;
    }
    await table.deleteEntity(partitionKey, rowKey, options);
    return true;
  } catch (error) {
    const status = statusOf(error);
    if (status === 404 || status === 412) return false;
    throw error;
  }
}

async function hasEntries(table: TableClient, study: StudyKey, signal: AbortSignal): Promise<boolean> {
  const queryOptions = { filter: entriesOfStudy(study), select: ['RowKey'] };
  const pages = table.listEntities({ queryOptions, abortSignal: signal });
  for await (const page of pages.byPage({ maxPageSize: 1 })) if (page.length > 0) return true;
  return false;
}
