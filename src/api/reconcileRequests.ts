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
  tenantId: id('a tenant').default('default'),
  dsId: id('a datasource').default('default'),
};

const overrides = z.strictObject({
  'database-restored': z.string().optional(),
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
    dryRun: flag(true),
    maxScanSeconds: z.number('expected a number of seconds').optional(),
    continuationToken: z.string().max(8000).optional(),
    resourceTypes: z
      .array(z.string().regex(/^[A-Z][A-Za-z]{1,63}$/, 'expected names of resource types such as Patient'))
      .min(1, 'expected at least one resource type')
      .max(60)
      .optional(),
    minAgeHours: z.number('expected a number of hours').min(0, 'expected 0 or more').max(87_600).default(24),
    includeTombstones: flag(false),
    quarantine: flag(false),
    audit: flag(false),
    overrides: overrides.default({}),
    wait: z
      .number('expected a number of seconds')
      .min(0)
      .max(MOST_WAIT_SECONDS, `expected at most ${MOST_WAIT_SECONDS}`)
      .default(0),
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
    resourceTypes: body.resourceTypes,
    includeTombstones: body.includeTombstones,
    audit: body.audit,
    overrides: body.overrides satisfies Overrides,
    continuationToken: body.continuationToken,
  };
}

export const runPath = z.strictObject({ runId: z.string().regex(/^[0-9TZ]+-[0-9a-f]+$/, 'expected the id of a run') });
export const listQuery = z.strictObject(pageShape);
export const reportQuery = z.strictObject({ continuationToken: z.string().max(2000).optional() });

export const restoreBody = z.strictObject({
  ...tenantShape,
  runId: runPath.shape.runId,
  names: z.array(z.string()).min(1, 'expected at least one name').max(1000).optional(),
  keep: flag(false),
  dryRun: flag(true),
});

export const payloadQuery = z.strictObject(tenantShape);
export const createContainerBody = z.strictObject({ ...tenantShape, dryRun: flag(true) });
