import { z } from 'zod';
import { DEFAULT_PARTITION } from '../dicom/studyKey';
import { withLowerCaseNames } from '../http/json';

/** One change of one instance. */
export interface ChangeFeedEntry {
  /** Grows with each change; gaps are normal. A safe integer. */
  readonly sequence: number;
  readonly partition: string;
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly instanceUid: string;
  readonly action: ChangeAction;
  /** When the change happened, by the service's clock. */
  readonly timestamp?: string;
}

type ChangeAction = 'Create' | 'Update' | 'Delete';

/** Actions by lower-case name and by number, as the service counts them. */
const actions: Readonly<Record<string, ChangeAction>> = {
  create: 'Create',
  delete: 'Delete',
  update: 'Update',
  0: 'Create',
  1: 'Delete',
  2: 'Update',
};

const sequence = z.number('expected a number').int('expected a whole number').nonnegative();
const uid = z
  .string('expected a UID')
  // Padding of DICOM values can come through.
  .transform((text) => text.replace(/[\0\s]+$/, '').trim())
  .pipe(z.string().regex(/^[0-9.]{1,64}$/, 'expected a UID'));
const timestamp = z.string().optional().catch(undefined);

/** After `withLowerCaseNames`: the service writes camelCase, its documentation shows PascalCase. */
const entrySchema = z.object({
  sequence,
  partitionname: z.string('expected a name').min(1).max(128).nullish(),
  studyinstanceuid: uid,
  seriesinstanceuid: uid,
  sopinstanceuid: uid,
  action: z
    .union([z.string(), z.number()], 'expected an action')
    .transform((action) => actions[String(action).toLowerCase()])
    .pipe(z.enum(['Create', 'Update', 'Delete'], 'expected Create, Update or Delete')),
  timestamp,
});
const positionSchema = z.object({ sequence, timestamp });

export type Read<T> =
  { readonly kind: 'read'; readonly value: T } | { readonly kind: 'unreadable'; readonly problem: string };

/** Reads an entry; names and actions in any case, unknown fields are left out. A problem never holds a value. */
export function readEntry(json: unknown): Read<ChangeFeedEntry> {
  const parsed = entrySchema.safeParse(withLowerCaseNames(json));
  if (!parsed.success) return { kind: 'unreadable', problem: problemOf(parsed.error) };
  const entry = parsed.data;
  return {
    kind: 'read',
    value: {
      sequence: entry.sequence,
      partition: entry.partitionname ?? DEFAULT_PARTITION,
      studyUid: entry.studyinstanceuid,
      seriesUid: entry.seriesinstanceuid,
      instanceUid: entry.sopinstanceuid,
      action: entry.action,
      ...(entry.timestamp !== undefined && { timestamp: entry.timestamp }),
    },
  };
}

/** Where in the feed an entry stands, whatever the rest of it says. */
export function readPosition(json: unknown): Read<{ readonly sequence: number; readonly timestamp?: string }> {
  const parsed = positionSchema.safeParse(withLowerCaseNames(json));
  if (!parsed.success) return { kind: 'unreadable', problem: problemOf(parsed.error) };
  const { sequence: position, timestamp: at } = parsed.data;
  return { kind: 'read', value: { sequence: position, ...(at !== undefined && { timestamp: at }) } };
}

/** Name and expectation; zod's own texts name types and limits, never values of the input. */
function problemOf({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`)).join('; ');
}
