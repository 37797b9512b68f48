import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import { isObject } from '../dicom/dataset';
import type { StudyKey } from '../dicom/studyKey';
import { traceParentPattern } from '../telemetry/traceParent';

/** Why a study has to be looked at: one entry of the change feed. */
export interface StudyChange {
  readonly sequence: number;
  readonly action: 'Create' | 'Update' | 'Delete';
  readonly series: string;
  readonly instance: string;
}

/** "This study changed; here is why." No changes: look at the study all the same (resync, sweep). */
export interface StudyMessage {
  readonly study: StudyKey;
  readonly changes: readonly StudyChange[];
  /** Set while a service is down: when the study was deferred first, and how often since. */
  readonly deferred?: { readonly since: string; readonly times: number };
  /** Somebody has been at the study because of these changes before: what an earlier write may have left has to be looked for. */
  readonly again?: boolean;
  /** Sent by the poison handler: a second poisoning only files. */
  readonly lastTry?: boolean;
  /** Where the message comes from, for telemetry only. Nested, because top-level fields could hide the trigger's metadata. */
  readonly trace?: { readonly parent: string };
}

/** The queue holds something that is no study message. Its text says what was expected where, never what was found. */
export class UnreadableMessage extends Error {
  readonly code = 'UnreadableMessage';
  constructor(readonly problems: readonly string[]) {
    super(`The message is no study message: ${problems.join('; ')}`);
    this.name = 'UnreadableMessage';
  }
}

/** A queue message of 64 KiB in base64 holds 48 KiB of text (Azure Queue Storage limits). */
export const MAX_MESSAGE_BYTES = 48 * 1024;

/**
 * Longer lists of changes are deflated: the UIDs of one study share long prefixes, so that a whole round fits one message and less is moved.
 */
const MAX_PLAIN_BYTES = 4 * 1024;

const isUid = (value: unknown): value is string =>
  typeof value === 'string' && value.length >= 1 && value.length <= MAX_UID_LENGTH;
const MAX_UID_LENGTH = 128;
const isAction = (value: unknown): boolean => value === 'Create' || value === 'Update' || value === 'Delete';
const isSequence = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

/** Read by hand: a round holds thousands, and a schema for each costs more than everything else about it. */
const changesSchema = z.custom<readonly unknown[]>(Array.isArray).transform((list, context): readonly StudyChange[] =>
  list.map((value, index) => {
    // A change only where no issue was added.
    const { sequence, action, series, instance } = (isObject(value)
      ? value
      : {}) as Partial<StudyChange> as StudyChange;
    const expect = (field: keyof StudyChange, isValid: boolean): void => {
      if (!isValid) context.addIssue({ code: 'custom', path: [index, field], message: 'invalid' });
    };
    expect('sequence', isSequence(sequence));
    expect('action', isAction(action));
    expect('series', isUid(series));
    expect('instance', isUid(instance));
    return { sequence, action, series, instance };
  }),
);
const studySchema = z.object({
  partition: z.string().min(1).max(128),
  uid: z.string().min(1).max(MAX_UID_LENGTH),
});
const deflatedSchema = z.object({ deflated: z.string() });
// What only telemetry needs must not make a message unreadable.
const traceSchema = z
  .object({ parent: z.string().regex(traceParentPattern) })
  .optional()
  .catch(undefined);
const messageSchema = z.object({
  study: studySchema,
  changes: z.union([deflatedSchema, changesSchema]).default([]),
  deferred: z.object({ since: z.iso.datetime(), times: z.number().int().positive() }).optional(),
  again: z.boolean().optional(),
  lastTry: z.boolean().optional(),
  trace: traceSchema,
});
const studiesSchema = z.array(z.object({ study: studySchema, changes: changesSchema })).min(1);
const sharedSchema = z.object({ studies: z.union([deflatedSchema, studiesSchema]), trace: traceSchema });

/**
 * Reads a message from the queue, whatever somebody put there: about one study, or about several small ones.
 * @returns at least one
 * @throws UnreadableMessage
 */
export function readStudyMessages(input: unknown): readonly StudyMessage[] {
  if (!isObject(input) || !('studies' in input)) return [readStudyMessage(input)];
  const { studies, trace } = check(sharedSchema, input);
  const messages = 'deflated' in studies ? check(studiesSchema, inflate(studies.deflated, 'studies')) : studies;
  return messages.map((message) => (trace === undefined ? message : { ...message, trace }));
}

/** @throws UnreadableMessage */
export function readStudyMessage(input: unknown): StudyMessage {
  const message = check(messageSchema, input);
  const { changes, ...rest } = message;
  return {
    ...rest,
    changes: 'deflated' in changes ? check(changesSchema, inflate(changes.deflated, 'changes')) : changes,
  };
}

/** The same as `readStudyMessages`, with the error as a value. */
export function tryReadStudyMessages(input: unknown): readonly StudyMessage[] | UnreadableMessage {
  try {
    return readStudyMessages(input);
  } catch (error) {
    if (error instanceof UnreadableMessage) return error;
    throw error;
  }
}

/** The texts of the messages for these changes of one study: one, or several when even deflated they would not fit. */
export function writeStudyMessages(message: StudyMessage): readonly string[] {
  const plain = JSON.stringify(message);
  if (message.changes.length === 0 || Buffer.byteLength(plain) <= MAX_PLAIN_BYTES) return [plain];
  const deflated = JSON.stringify({ ...message, changes: { deflated: deflate(message.changes) } });
  if (Buffer.byteLength(deflated) <= MAX_MESSAGE_BYTES) return [deflated];
  const middle = Math.ceil(message.changes.length / 2);
  return [message.changes.slice(0, middle), message.changes.slice(middle)].flatMap((changes) =>
    writeStudyMessages({ ...message, changes }),
  );
}

function check<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new UnreadableMessage(
    result.error.issues.map((issue) => `${issue.path.join('.') || 'message'}: ${issue.code}`),
  );
}

/** The texts of the messages for these studies: one about all of them, or several when even deflated they would not fit. */
export function writeSharedMessages(messages: readonly StudyMessage[]): readonly string[] {
  if (messages.length <= 1) return messages.flatMap(writeStudyMessages);
  const shared = writeSharedMessage(messages);
  if (shared !== undefined) return [shared];
  const middle = Math.ceil(messages.length / 2);
  return [messages.slice(0, middle), messages.slice(middle)].flatMap(writeSharedMessages);
}

/** @returns undefined where they do not fit one message */
function writeSharedMessage(messages: readonly StudyMessage[]): string | undefined {
  const trace = messages.find((message) => message.trace !== undefined)?.trace;
  const studies = messages.map(({ study, changes }) => ({ study, changes }));
  const plain = JSON.stringify({ studies, trace });
  if (Buffer.byteLength(plain) <= MAX_PLAIN_BYTES) return plain;
  const deflated = JSON.stringify({ studies: { deflated: deflate(studies) }, trace });
  return Buffer.byteLength(deflated) <= MAX_MESSAGE_BYTES ? deflated : undefined;
}

/** Of lists of UIDs the thorough levels leave a few per cent less, in twice the time. */
const FAST = 1;

function deflate(value: unknown): string {
  return deflateRawSync(JSON.stringify(value), { level: FAST }).toString('base64');
}

const MAX_INFLATED_BYTES = 16 * 1024 * 1024;

function inflate(text: string, field: string): unknown {
  try {
    return JSON.parse(
      inflateRawSync(Buffer.from(text, 'base64'), { maxOutputLength: MAX_INFLATED_BYTES }).toString('utf8'),
    );
  } catch {
    throw new UnreadableMessage([`${field}.deflated: expected deflated JSON`]);
  }
}
