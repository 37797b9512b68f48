import { z } from 'zod';
import type { StudyKey } from '../../dicom/studyKey';
import type { BreakerState } from '../../failures/breaker';
import { errorTypes, reasonCodes } from '../../failures/errorTypes';
import type { FailedEntry, FailedFeedEntry } from '../../failures/failedEntry';
import type { Page } from '../../failures/tablePages';
import type { StoredWarning } from '../../failures/warnings';
import type { HealthReport } from '../health';
import type { Problem } from '../problem';
import type { ResyncSummary } from '../resync';
import type { RetrySummary } from '../retryFailedEntries';
import type { StatusReport } from '../status';
import { answerOf, list } from './answerOf';

/** The shapes of what the routes of Cast answer, as the OpenAPI description tells them. */

const uid = z.string().describe('A DICOM UID.');
const time = z.iso.datetime();
const count = z.int().nonnegative();

export const problemAnswer = answerOf<Problem>()(
  z.object({
    type: z.literal('about:blank'),
    status: z.int().describe('The HTTP status once more.'),
    title: z.string().describe('What is wrong, for a person.'),
    errors: list(
      z.object({
        field: z.string().describe('A field of the body, a parameter, or body, filter, path for the whole of it.'),
        expected: z.string().describe('What was expected there.'),
      }),
    )
      .optional()
      .describe('Every field that is wrong.'),
  }),
).describe('RFC 9457. It repeats nothing of what was sent.');

export const studyAnswer = answerOf<StudyKey>()(
  z.object({ partition: z.string().describe('Data partition.'), uid: uid.describe('Study Instance UID.') }),
);

export const failedEntryAnswer = answerOf<FailedEntry | FailedFeedEntry>()(
  z.object({
    study: studyAnswer.optional().describe('Missing where an entry or message could not even be read.'),
    seriesUid: uid.optional(),
    instanceUid: uid.optional(),
    sequence: z.string().optional().describe('Sequence in the change feed, decimal digits.'),
    action: z.enum(['Create', 'Update', 'Delete']).optional(),
    errorType: z.enum(errorTypes),
    reason: z.enum(reasonCodes),
    message: z.string().describe('What went wrong, without patient data.'),
    suggestedFix: z.string().optional(),
    httpStatus: z.int().optional().describe('Of the service that refused.'),
    failureCount: count,
    firstFailedAt: time,
    lastFailedAt: time,
    operationId: z.string().describe('Finds the log lines of the pass that failed.'),
    rowKey: z.string().describe('Names the entry within its study.'),
  }),
).describe('One change, instance or study that is not in FHIR, and why.');

const nextPage = z.string().optional().describe('There until the list is at its end: asks for the next page.');

export const failedEntriesAnswer = answerOf<Page<FailedEntry | FailedFeedEntry>>()(
  z.object({ items: list(failedEntryAnswer), continuationToken: nextPage }),
);

export const retryAnswer = answerOf<RetrySummary>()(
  z.object({
    entries: count.describe('Entries that are tried again. They stay in the list until a pass has settled them.'),
    studies: count.describe('Studies that are looked at.'),
    notRetryable: count.describe('Entries whose study nobody knows.'),
  }),
);

export const dismissAnswer = z.object({ dismissed: count.describe('Entries that are forgotten.') });

export const warningAnswer = answerOf<StoredWarning>()(
  z.object({
    study: studyAnswer,
    seriesUid: uid.optional(),
    instanceUid: uid,
    keyword: z.string().describe('DICOM keyword, such as PatientBirthDate.'),
    tag: z.string().describe('Eight hex digits.'),
    problem: z.string().describe('What is wrong with the value; never the value.'),
    operationId: z.string(),
    seenAt: time.describe('When the instance was read last.'),
  }),
).describe('An attribute of an instance that was left out because its value is invalid.');

export const warningsAnswer = answerOf<Page<StoredWarning>>()(
  z.object({ items: list(warningAnswer), continuationToken: nextPage }),
);

export const syncStudyAnswer = z.object({ study: studyAnswer });

export const resyncAnswer = answerOf<ResyncSummary>()(
  z.object({
    studies: count.describe('Studies that are looked at.'),
    continuationToken: z.string().optional().describe('There is more: send the request again with this token.'),
  }),
);

export const cursorAnswer = z.object({ sequence: count.describe('Where the cursor is now.') });

const breaker = answerOf<BreakerState>()(
  z.object({
    dependency: z.enum(['dicom', 'fhir']),
    state: z.enum(['closed', 'open', 'half-open']).describe('open: the service is down, studies wait.'),
    reason: z.enum(reasonCodes).optional(),
    message: z.string().optional(),
    since: time.optional().describe('Since when the service is down.'),
    nextTrialAt: time.optional().describe('When the next study is let through.'),
  }),
);

export const statusAnswer = answerOf<StatusReport>()(
  z.object({
    changeFeed: z.object({
      condition: z
        .enum(['ok', 'feed-reset', 'held-back'])
        .describe('feed-reset: the feed ends before the cursor. held-back: the queue is full.'),
      sequence: count.describe('Everything up to this sequence has been handed to the queue.'),
      latestSeen: count.optional(),
      lagEntries: count,
      lagSeconds: z.number().nonnegative().optional().describe('By the clock of the DICOM service.'),
      lastRunAt: time.optional(),
      lastSuccessAt: time.optional(),
      lastRoundEntries: count.optional(),
    }),
    queues: z
      .record(z.string(), count)
      .describe('Messages by queue, delayed ones included. One may be about several small studies.'),
    failedEntries: z.object({ total: count, byReason: z.record(z.string(), count) }),
    breakers: z.object({ dicom: breaker, fhir: breaker }),
  }),
);

export const healthAnswer = answerOf<HealthReport>()(
  z.object({
    healthy: z.boolean(),
    checks: list(
      z.object({
        name: z.enum(['storage', 'change-feed', 'dicom', 'fhir']),
        healthy: z.boolean(),
        problem: z.string().optional().describe('What was wrong; no secrets and no patient data.'),
      }),
    ),
  }),
);
