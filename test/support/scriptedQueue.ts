import type { StudyMessage } from '../../src/study/message';
import { readStudyMessages, writeSharedMessages, writeStudyMessages } from '../../src/study/message';
import type { MessageReceipt, StudyQueue } from '../../src/study/studyQueue';

/** A message in the scripted queue, as the queue service holds it. */
export interface QueuedMessage {
  readonly id: string;
  readonly text: string;
  readonly dequeueCount: number;
  readonly visibleAtMs: number;
  readonly popReceipt: string;
}

/**
 * The study queue with a clock and an order of the test's own: duplicates, reordering and redelivery are scripted here.
 * Visibility, dequeue counts and pop receipts behave as Azure Queue Storage does.
 */
export class ScriptedQueue implements StudyQueue {
  readonly name = 'study-changes';
  private messages: QueuedMessage[] = [];
  private serial = 0;
  /** Everything that was ever sent, for scans. */
  readonly sent: string[] = [];

  constructor(private readonly nowMs: () => number) {}

  send(message: StudyMessage, { delayMs = 0 }: { readonly delayMs?: number }): Promise<number> {
    const texts = writeStudyMessages(message);
    for (const text of texts) this.put(text, delayMs);
    return Promise.resolve(texts.length);
  }

  sendShared(messages: readonly StudyMessage[]): Promise<number> {
    const texts = writeSharedMessages(messages);
    for (const text of texts) this.put(text);
    return Promise.resolve(texts.length);
  }

  postpone({ messageId, popReceipt }: MessageReceipt, delayMs: number): Promise<void> {
    const found = this.messages.find(({ id }) => id === messageId);
    if (found?.popReceipt !== popReceipt) return Promise.reject(new Error('PopReceiptMismatch'));
    this.replace(found, { ...found, visibleAtMs: this.nowMs() + delayMs, popReceipt: this.receipt() });
    return Promise.resolve();
  }

  depth(): Promise<number> {
    return Promise.resolve(this.messages.length);
  }

  get length(): number {
    return this.messages.length;
  }

  all(): readonly QueuedMessage[] {
    return this.messages;
  }

  visible(): readonly QueuedMessage[] {
    return this.messages.filter(({ visibleAtMs }) => visibleAtMs <= this.nowMs());
  }

  /** When the next message becomes visible; undefined when there is none. */
  nextVisibleAtMs(): number | undefined {
    return this.messages.length === 0 ? undefined : Math.min(...this.messages.map(({ visibleAtMs }) => visibleAtMs));
  }

  /** Takes a message for ten minutes, as the host does. */
  receive(message: QueuedMessage): QueuedMessage {
    const taken = {
      ...message,
      dequeueCount: message.dequeueCount + 1,
      visibleAtMs: this.nowMs() + 600_000,
      popReceipt: this.receipt(),
    };
    this.replace(message, taken);
    return taken;
  }

  /** Completes a message; a stale receipt is no error, as in the host. */
  complete(message: QueuedMessage): void {
    this.messages = this.messages.filter(
      ({ id, popReceipt }) => id !== message.id || popReceipt !== message.popReceipt,
    );
  }

  /** Gives a message back after a failed run; a stale receipt is no error. */
  release(message: QueuedMessage, delayMs: number): void {
    const found = this.messages.find(({ id, popReceipt }) => id === message.id && popReceipt === message.popReceipt);
    if (found !== undefined) this.replace(found, { ...found, visibleAtMs: this.nowMs() + delayMs });
  }

  /** Delivers a message once more although somebody works on it: its lease ran out. */
  redeliver(message: QueuedMessage): void {
    const found = this.messages.find(({ id }) => id === message.id);
    if (found !== undefined) this.replace(found, { ...found, visibleAtMs: this.nowMs() });
  }

  put(text: string, delayMs = 0): void {
    this.sent.push(text);
    this.messages.push({
      id: `m${++this.serial}`,
      text,
      dequeueCount: 0,
      visibleAtMs: this.nowMs() + delayMs,
      popReceipt: this.receipt(),
    });
  }

  /** What the message says of each of its studies. */
  parseAll(message: QueuedMessage): readonly StudyMessage[] {
    return readStudyMessages(JSON.parse(message.text));
  }

  /** The first, or only, study. */
  parse(message: QueuedMessage): StudyMessage {
    const [first] = this.parseAll(message);
    if (first === undefined) throw new Error('A message about no study');
    return first;
  }

  private replace(old: QueuedMessage, next: QueuedMessage): void {
    this.messages = this.messages.map((message) => (message.id === old.id ? next : message));
  }

  private receipt(): string {
    return `r${++this.serial}`;
  }
}
