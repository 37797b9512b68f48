import { z } from 'zod';
import type { Overrides } from '../payloads/guards/guards';
import type { RunRequest } from '../payloads/runs/run';
import { LEAST_GRACE_OF_DELETES_MS } from '../payloads/runs/startRun';
import { pageShape } from './filters';

const HOUR_MS = 3_600_000;
const LEAST_HOURS = LEAST_GRACE_OF_DELETES_MS / HOUR_MS;
/** A request through the front end of Azure Functions is cut off after 230 s. */
const MOST_WAIT_SECONDS = 200;

const id = (what: string) =>
  z
    .string(`expected ${what}`)
    .regex(/^[A-Za-z0-9_-]{1,64}$/, `expected ${what}: up to 64 letters, digits, hyphens, underscores`);
const flag = (fallback: boolean) => z.boolean('expected true or false').default(fallback);
const names = z.array(z.string('expected a text').min(1)).min(1, 'expected at least one name').max(200);

const tenantShape = {
  tenantId: id('a tenant').default('default').describe('Tenant of the FHIR server, as PAYLOAD_STORES names it.'),
  dsId: id('a datasource').default('default').describe('Datasource of the tenant, as PAYLOAD_STORES names it.'),
};

/** By the name of the guard; docs/reconcile.md says what each value has to be. */
const overrides = z.strictObject({
  'database-restored': z.string().optional(),
  'stale-database': z.string().optional(),
  'wrong-pair': names.optional(),
  unproven: names.optional(),
  'orphan-share': z.number('expected a share in percent').min(0).max(100).optional(),
  'orphan-count': z.number('expected a number of orphans').int().min(0).optional(),
  'other-tenant': names.optional(),
  'wrongly-deleted': z.string().optional(),
});

export const startBody = z
  .strictObject({
    ...tenantShape,
    dryRun: flag(true).describe('true: only report. false: delete orphans, or move them to quarantine.'),
    maxScanSeconds: z
      .number('expected a number of seconds')
      .optional()
      .describe('Seconds after which the scan stops; a run that continues it goes on from there.'),
    continuationToken: z
      .string()
      .max(8000)
      .optional()
      .describe('Of an earlier run on the same container: goes on where it stopped.'),
    resourceTypes: z
      .array(z.string().regex(/^[A-Z][A-Za-z]{1,63}$/, 'expected names of resource types such as Patient'))
      .min(1, 'expected at least one resource type')
      .max(60)
      .optional()
      .describe('Only payloads of these resource types.'),
    minAgeHours: z
      .number('expected a number of hours')
      .min(0, 'expected 0 or more')
      .max(87_600)
      .default(24)
      .describe(
        `Hours that a payload must be old to be an orphan: longer than the longest batch request. At least ${LEAST_HOURS} where dryRun is false.`,
      ),
    includeTombstones: flag(false).describe('true: payloads of deleted versions go as well.'),
    quarantine: flag(false).describe('true: orphans are moved to the quarantine container instead of being deleted.'),
    audit: flag(false).describe('true: also looks for rows whose payload is missing.'),
    overrides: overrides
      .default({})
      .describe('Lets guards pass, each by the value that the run which it stopped has named.'),
    wait: z
      .number('expected a number of seconds')
      .min(0)
      .max(MOST_WAIT_SECONDS, `expected at most ${MOST_WAIT_SECONDS}`)
      .default(0)
      .describe('Seconds that the answer waits for the end of the run.'),
  })
  .refine(({ dryRun, minAgeHours }) => dryRun || minAgeHours >= LEAST_HOURS, {
    error: `expected at least ${LEAST_HOURS} where dryRun is false`,
    path: ['minAgeHours'],
  });

export function toRunRequest(body: z.output<typeof startBody>): RunRequest {
  return {
    tenantId: body.tenantId,
    dsId: body.dsId,
    mode: body.dryRun ? 'report' : body.quarantine ? 'quarantine' : 'delete',
    graceMs: body.minAgeHours * HOUR_MS,
    maxScanMs: body.maxScanSeconds === undefined ? undefined : body.maxScanSeconds * 1000,
    resourceTypes: body.resourceTypes === undefined ? undefined : [...new Set(body.resourceTypes)].sort(),
    includeTombstones: body.includeTombstones,
    audit: body.audit,
    overrides: body.overrides satisfies Overrides,
    continuationToken: body.continuationToken,
  };
}

export const runPath = z.strictObject({
  runId: z
    .string()
    .regex(/^[0-9TZ]+-[0-9a-f]+$/, 'expected the id of a run')
    .describe('Id of a run.'),
});
export const listQuery = z.strictObject(pageShape);
export const reportQuery = z.strictObject({
  continuationToken: z
    .string()
    .max(2000)
    .optional()
    .describe('Of the header x-continuation-token of an earlier answer.'),
});

export const restoreBody = z.strictObject({
  ...tenantShape,
  runId: runPath.shape.runId,
  names: z
    .array(z.string())
    .min(1, 'expected at least one name')
    .max(1000)
    .optional()
    .describe('Names of payloads; without it all of the run.'),
  keep: flag(false).describe('true: no later run takes them for orphans.'),
  dryRun: flag(true).describe('true: only count what would be restored.'),
});

export const payloadQuery = z.strictObject(tenantShape);
export const createContainerBody = z.strictObject({
  ...tenantShape,
  dryRun: flag(true).describe('true: only say whether the container is there.'),
});

/** The parts of a path of a payload; `parsePayloadPath` checks them. */
export const payloadPath = z.object({
  type: z.string().describe('Resource type, by its name such as Patient, or by its id in the database.'),
  id: z.string().describe('Logical id of the resource.'),
  version: z.string().describe('Version of the resource: a number from 1.'),
  key: z.string().describe('Key of the payload: what its row holds.'),
});
