import { z } from 'zod';
import { errorTypes, reasonCodes } from '../failures/errorTypes';
import type { FailedEntryFilter } from '../failures/failedEntries';

const UID_EXPECTED = 'expected a DICOM UID: digits and dots, at most 64 characters';
const PARTITION_EXPECTED = 'expected a data partition: up to 64 letters, digits, dots, hyphens, underscores';

/** A DICOM UID (PS3.5 9.1): digits and dots, at most 64 characters. Leading zeros occur in the field and are let through. */
export const uidSchema = z.string(UID_EXPECTED).regex(/^(?=.{1,64}$)\d+(\.\d+)*$/, UID_EXPECTED);
export const partitionSchema = z.string(PARTITION_EXPECTED).regex(/^[A-Za-z0-9._-]{1,64}$/, PARTITION_EXPECTED);
const sinceSchema = z.iso.datetime({ offset: true, error: 'expected a time such as 2024-01-31T10:15:00Z' });

const study = uidSchema.optional().describe('Study Instance UID.');
const partition = partitionSchema.optional().describe('Data partition of the study; only together with study.');

const entryFilterShape = {
  study,
  partition,
  reason: z
    .enum(reasonCodes, `expected one of ${reasonCodes.join(', ')}`)
    .optional()
    .describe('Why it is not in FHIR.'),
  errorType: z
    .enum(errorTypes, `expected one of ${errorTypes.join(', ')}`)
    .optional()
    .describe('Family of the reason.'),
  since: sinceSchema.optional().describe('Failed last at this time or later.'),
  rowKey: z.string().min(1).max(200).optional().describe('rowKey of one entry, as the list shows it.'),
};

export const pageShape = {
  top: z
    .string()
    .regex(/^\d{1,4}$/, 'expected a number from 1 to 1000')
    .transform(Number)
    .refine((top) => top >= 1 && top <= 1000, 'expected a number from 1 to 1000')
    .default(100)
    .meta({
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      description: 'Items of a page, at most; 100 if it is not given.',
    }),
  continuationToken: z.string().max(2000).optional().describe('Of an earlier answer to the same query.'),
};

/** A partition alone would select nothing: rows are found by study. */
function partitionWithStudy<T extends z.ZodType<{ study?: string | undefined; partition?: string | undefined }>>(
  schema: T,
): T {
  return schema.refine(({ study, partition }) => partition === undefined || study !== undefined, {
    error: 'expected only together with study',
    path: ['partition'],
  });
}

export const failedEntriesQuery = partitionWithStudy(z.strictObject({ ...entryFilterShape, ...pageShape }));

function hasCondition(filter: Readonly<Record<string, unknown>>): boolean {
  return Object.values(filter).some((value) => value !== undefined);
}

export const dismissQuery = partitionWithStudy(z.strictObject(entryFilterShape)).refine(hasCondition, {
  error: 'expected at least one of study, reason, errorType, since, rowKey',
  path: ['filter'],
});

export const retryBody = partitionWithStudy(
  z.strictObject({
    ...entryFilterShape,
    all: z.literal(true, 'expected true').optional().describe('Every entry; instead of a filter.'),
  }),
).refine(({ all, ...filter }) => all === true || hasCondition(filter), {
  error: 'expected at least one of study, reason, errorType, since, rowKey, or "all": true',
  path: ['filter'],
});

export const warningsQuery = partitionWithStudy(
  z.strictObject({
    study,
    partition,
    instance: uidSchema.optional().describe('SOP Instance UID.'),
    keyword: z
      .string()
      .regex(/^[A-Za-z0-9]{1,100}$/, 'expected a DICOM keyword such as PatientBirthDate')
      .optional()
      .describe('DICOM keyword, such as PatientBirthDate.'),
    since: sinceSchema.optional().describe('Read last at this time or later.'),
    ...pageShape,
  }),
);

interface EntryFilterInput {
  readonly study?: string | undefined;
  readonly partition?: string | undefined;
  readonly reason?: FailedEntryFilter['reason'];
  readonly errorType?: FailedEntryFilter['errorType'];
  readonly since?: string | undefined;
  readonly rowKey?: string | undefined;
}

export function toEntryFilter({
  study,
  partition,
  reason,
  errorType,
  since,
  rowKey,
}: EntryFilterInput): FailedEntryFilter {
  return {
    study: study === undefined ? undefined : { uid: study, partition },
    reason,
    errorType,
    since: since === undefined ? undefined : new Date(since),
    rowKey,
  };
}
