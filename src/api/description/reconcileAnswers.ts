import { z } from 'zod';
import { guards, type GuardFinding } from '../../payloads/guards/guards';
import type { RestoreSummary } from '../../payloads/restorePayloads';
import type { Finding } from '../../payloads/runs/reportStore';
import { RUN_MODES, RUN_STATES } from '../../payloads/runs/run';
import type { RunView } from '../../payloads/runs/runView';
import { COUNT_NAMES, SWEEP_OUTCOMES } from '../../payloads/runs/totals';
import type { PayloadItem } from '../payloadRoute';
import type { ContainerAnswer } from '../reconcileApi';
import { answerOf, list } from './answerOf';

/** The shapes of what the routes of Reconcile answer, as the OpenAPI description tells them. */

const time = z.iso.datetime();
const count = z.int().nonnegative();
const names = list(z.string());
const guardNames = Object.keys(guards) as (keyof typeof guards)[];
const counts = z.partialRecord(z.enum(COUNT_NAMES), count);

const guardFinding = answerOf<GuardFinding>()(
  z.object({
    guard: z.enum(guardNames),
    problem: z.string().describe('What it means and what to do.'),
    override: z
      .object({
        name: z.enum([
          'database-restored',
          'stale-database',
          'wrong-pair',
          'unproven',
          'orphan-share',
          'orphan-count',
          'other-tenant',
          'wrongly-deleted',
        ]),
        value: z.union([z.string(), z.number(), names]),
      })
      .optional()
      .describe('What would let this run go on, for overrides of a new run; absent: nothing.'),
  }),
);

const totals = z
  .object({ ...countShape(), orphans: count.describe('noRow and otherKey together.') })
  .describe(
    'Every blob counts once under its verdict, every candidate of a sweep once more under its outcome. Absent means 0.',
  );

function countShape() {
  const entries = COUNT_NAMES.map((name) => [name, count.optional()]);
  return Object.fromEntries(entries) as Record<(typeof COUNT_NAMES)[number], z.ZodOptional<typeof count>>;
}

const runShape = {
  runId: z.string(),
  state: z.enum(RUN_STATES),
  tenantId: z.string(),
  dsId: z.string(),
  container: z.string(),
  mode: z.enum(RUN_MODES).describe('report changes nothing.'),
  dryRun: z.boolean(),
  startedAt: time,
  endedAt: time.optional(),
  cutoff: time.optional().describe('Only payloads that are older can be orphans.'),
  totals,
  totalsByType: z.record(z.string(), counts).describe('By the name of the resource type.'),
  namesPerSecond: z.number().optional(),
  shards: z.object({ all: count, scanned: count, swept: count }).describe('The parts that the names were cut into.'),
  guards: list(guardFinding).describe('They end a run that deletes; of a report they say what would end it.'),
  warnings: names,
  unprovenTypes: names.describe('Types whose orphans stay, because no row proves that this is their container.'),
  problem: z.object({ code: z.string(), message: z.string() }).optional().describe('Why the run failed.'),
  audit: z
    .object({
      missingCurrent: count.describe('Live rows whose payload is not in the container.'),
      missingHistory: count.describe('The same of versions before the current one: lost, or erased on purpose.'),
      neverStored: count.describe('Live rows with neither data nor key.'),
      bucketsChecked: count,
    })
    .optional(),
  wronglyDeleted: count.optional().describe('Deleted payloads that have a row after all.'),
  continuationToken: z.string().optional().describe('There as long as a later run has something to go on with.'),
};

export const runAnswer = answerOf<RunView>()(z.object(runShape));

export const startedRunAnswer = answerOf<RunView & { readonly url: string }>()(
  z.object({ ...runShape, url: z.url().describe('Where the run can be asked for.') }),
);

export const runsAnswer = answerOf<{ readonly items: readonly RunView[]; readonly continuationToken?: string }>()(
  z.object({ items: list(runAnswer).describe('Newest first.'), continuationToken: z.string().optional() }),
);

export const findingAnswer = answerOf<Finding>()(
  z.object({
    name: z.string().describe('Of the blob.'),
    verdict: z.string(),
    reason: z.string().optional(),
    etag: z.string().optional(),
    lastModified: time.optional(),
    outcome: z.enum(SWEEP_OUTCOMES).optional().describe('What became of it in the sweep.'),
    code: z.string().optional().describe('Of the storage, where the outcome is failed.'),
  }),
).describe('One line of a report: a blob that is not simply ok, or a row without its blob.');

export const restoreAnswer = answerOf<RestoreSummary>()(
  z.object({
    dryRun: z.boolean(),
    restored: count.describe('Of a dry run: those that would be.'),
    occupied: names.describe('There is a payload of the name, which is never written over.'),
    failed: list(z.object({ name: z.string(), code: z.string() })),
    complete: z.boolean().describe('false: the time was up; send the same request again.'),
  }),
);

export const payloadsAnswer = answerOf<{ readonly items: readonly PayloadItem[]; readonly complete: boolean }>()(
  z.object({
    items: list(
      z.object({
        name: z.string().describe('Of the blob.'),
        typeId: z.int(),
        logicalId: z.string(),
        version: z.int(),
        key: z.string(),
        payload: z.string(),
      }),
    ),
    complete: z.boolean().describe('false: there are more than one answer holds.'),
  }),
);

export const containerAnswer = answerOf<ContainerAnswer>()(
  z.object({ container: z.string(), dryRun: z.boolean(), existed: z.boolean(), created: z.boolean() }),
);
