import { odata, type TableClient } from '@azure/data-tables';
import type { StudyKey } from '../dicom/studyKey';
import { limitText } from './limitText';
import { warningsOfStudy, type StudySelection } from './studySelection';
import { upsertAll } from './tableBatches';
import { escapeKey, studyKeyPart, studyOfKey } from './tableKeys';
import { deleteUnchanged, readPage, type Page, type PageRequest, type Row } from './tablePages';

/** An attribute of an instance that was left out because its value is invalid. The value itself is never told. */
export interface ValidationWarning {
  readonly study: StudyKey;
  readonly seriesUid?: string | undefined;
  readonly instanceUid: string;
  /** DICOM keyword, `PatientBirthDate`. */
  readonly keyword: string;
  /** Eight hex digits. */
  readonly tag: string;
  readonly problem: string;
  readonly operationId: string;
}

export interface StoredWarning extends ValidationWarning {
  /** When the instance was read last, ISO 8601, UTC. */
  readonly seenAt: string;
}

interface WarningFilter {
  readonly study?: StudySelection | undefined;
  readonly instanceUid?: string | undefined;
  readonly keyword?: string | undefined;
  /** Seen at this time or later. */
  readonly since?: Date | undefined;
}

/** The table of validation warnings: one row for each attribute of an instance. */
export interface ValidationWarnings {
  file(warning: ValidationWarning, signal: AbortSignal): Promise<void>;
  /** Files many at once, in batches for each study. */
  fileAll(warnings: readonly ValidationWarning[], signal: AbortSignal): Promise<void>;
  /** @throws InvalidContinuationToken */
  list(filter: WarningFilter, page: PageRequest, signal: AbortSignal): Promise<Page<StoredWarning>>;
  /** The instance is correct now, or gone. Returns how many warnings it had. */
  clear(study: StudyKey, instanceUid: string, signal: AbortSignal): Promise<number>;
  /** Forgets warnings that were seen last before this time. Returns how many. */
  purge(before: Date, signal: AbortSignal): Promise<number>;
}

const problemLimit = 1000;

export function validationWarnings(table: TableClient, clock: () => Date): ValidationWarnings {
  const deleteWhere = (filter: string, signal: AbortSignal): Promise<number> =>
    deleteUnchanged(
      table,
      table.listEntities({ queryOptions: { filter, select: ['PartitionKey', 'RowKey'] }, abortSignal: signal }),
      signal,
    );

  return {
    async file(warning, signal) {
      await table.upsertEntity(toRow(warning, clock()), 'Replace', { abortSignal: signal });
    },
    async fileAll(warnings, signal) {
      const now = clock();
      for (const rows of byPartition(warnings.map((warning) => toRow(warning, now)))) {
        await upsertAll(table, rows, signal);
      }
    },
    list: (filter, page, signal) => readPage(table, tableFilter(filter), page, fromRow, signal),
    clear(study, instanceUid, signal) {
      const first = `${escapeKey(instanceUid)}~`;
      const end = `${escapeKey(instanceUid)}~~`;
      return deleteWhere(
        odata`PartitionKey eq ${studyKeyPart(study)} and RowKey ge ${first} and RowKey lt ${end}`,
        signal,
      );
    },
    purge: (before, signal) => deleteWhere(odata`seenAt lt ${before.toISOString()}`, signal),
  };
}

type WarningRow = { partitionKey: string; rowKey: string } & Record<string, unknown>;

const toRow = (warning: ValidationWarning, now: Date): WarningRow => ({
  partitionKey: studyKeyPart(warning.study),
  rowKey: `${escapeKey(warning.instanceUid)}~${escapeKey(warning.tag)}`,
  partitionName: warning.study.partition,
  studyInstanceUid: warning.study.uid,
  seriesInstanceUid: warning.seriesUid,
  sopInstanceUid: warning.instanceUid,
  keyword: warning.keyword,
  tag: warning.tag,
  problem: limitText(warning.problem, problemLimit),
  seenAt: now.toISOString(),
  operationId: warning.operationId,
});

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const fromRow = (row: Row): StoredWarning => ({
  study: studyOfKey(row.partitionKey ?? '') ?? {
    partition: text(row.partitionName),
    uid: text(row.studyInstanceUid),
  },
  seriesUid: typeof row.seriesInstanceUid === 'string' ? row.seriesInstanceUid : undefined,
  instanceUid: text(row.sopInstanceUid),
  keyword: text(row.keyword),
  tag: text(row.tag),
  problem: text(row.problem),
  seenAt: text(row.seenAt),
  operationId: text(row.operationId),
});

/** The rows of each partition, each row once: a batch with the same row twice is refused. */
function byPartition(rows: readonly WarningRow[]): readonly (readonly WarningRow[])[] {
  const partitions = new Map<string, Map<string, WarningRow>>();
  for (const row of rows) {
    const partition = partitions.get(row.partitionKey) ?? new Map<string, WarningRow>();
    partitions.set(row.partitionKey, partition.set(row.rowKey, row));
  }
  return [...partitions.values()].map((partition) => [...partition.values()]);
}

function tableFilter({ study, instanceUid, keyword, since }: WarningFilter): string {
  const conditions: string[] = [];
  if (study !== undefined) conditions.push(warningsOfStudy(study));
  if (instanceUid !== undefined) conditions.push(odata`sopInstanceUid eq ${instanceUid}`);
  if (keyword !== undefined) conditions.push(odata`keyword eq ${keyword}`);
  if (since !== undefined) conditions.push(odata`seenAt ge ${since.toISOString()}`);
  return conditions.join(' and ');
}
