import { z } from 'zod';
import { DEFAULT_PARTITION } from '../dicom/studyKey';
import { partitionSchema, uidSchema } from './filters';

/** What the routes of Cast take beside the filters of filters.ts. */

export const syncStudyPath = z.object({ uid: uidSchema.describe('Study Instance UID.') });
export const syncStudyQuery = z.strictObject({
  partition: partitionSchema.default(DEFAULT_PARTITION).describe('Data partition of the study.'),
});

export const resyncBody = z.strictObject({
  partition: partitionSchema.optional().describe('Only this data partition; without it all of them.'),
  continuationToken: z.string().max(2000).optional().describe('Of an earlier answer to the same request.'),
});

const sequenceSchema = z
  .number('expected a whole number')
  .int('expected a whole number')
  .nonnegative('expected 0 or more');

export const cursorBody = z.strictObject({
  expected: sequenceSchema.describe('Where the cursor is now: guards against setting it over the work of others.'),
  sequence: sequenceSchema.describe('Where it shall be: the feed is read from the entry after it.'),
});
