import type { QueueClient } from '@azure/storage-queue';
import { storageErrorCode } from './errors';
import type { QueueSettings } from './hostSettings';
import type { HostLogger } from './logs';
import { PollingDelay } from './pollingDelay';
import type { QueueProcessor } from './queueProcessor';
import type { LeasedMessage } from './queueTriggerMetadata';

/** Polls one queue and hands its messages to the processor, no more of them at once than batch size + threshold. */
export class QueueListener {
  private readonly running = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private readonly delay: PollingDelay;
  private endPause: (() => void) | undefined;
  private loop: Promise<void> | undefined;

  constructor(
    private readonly queue: QueueClient,
    private readonly processor: QueueProcessor,
    private readonly settings: QueueSettings,
    private readonly leaseSeconds: number,
    private readonly logger: HostLogger,
  ) {
    this.delay = new PollingDelay(settings.maxPollingIntervalMs);
  }

  get queueName(): string {
    return this.queue.name;
  }

  start(): void {
    this.loop ??= this.poll(this.stopping.signal);
  }

  /** Polls at once, if the listener is pausing. */
  wake(): void {
    this.endPause?.();
  }

  /** Takes no more messages. Resolves when those that are running have ended. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake();
    await this.loop;
    await Promise.all(this.running);
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private async poll(signal: AbortSignal): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    let foundMessage = false;
    while (!this.isStopping()) {
      const messages = await this.receive();
      if (messages.length === 0) {
        await this.pause(this.delay.nextMs(foundMessage));
        foundMessage = false;
        continue;
      }
      foundMessage = true;
      for (const message of messages) this.track(this.processor.process(message));
      while (this.running.size > this.settings.newBatchThreshold && !this.isStopping()) {
        await Promise.race([...this.running, stopped]);
      }
    }
  }

  private async receive(): Promise<readonly LeasedMessage[]> {
    try {
      const { receivedMessageItems } = await this.queue.receiveMessages({
        numberOfMessages: this.settings.batchSize,
        visibilityTimeout: this.leaseSeconds,
      });
      return receivedMessageItems.map((item) => ({ ...item }));
    } catch (error) {
      const code = storageErrorCode(error) ?? 'no answer';
      if (code !== 'QueueNotFound') {
        this.logger.write('error', 'Host.Queues', `Cannot read queue ${this.queue.name}: ${code}`);
      }
      return [];
    }
  }

  private track(run: Promise<void>): void {
    this.running.add(run);
    void run.finally(() => this.running.delete(run));
  }

  private async pause(delayMs: number): Promise<void> {
    if (this.isStopping()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.endPause = undefined;
  }
}
