import type { FunctionDefinition, QueueTrigger } from './functionDefinitions';
import type { HostContext } from './hostContext';
import { QueueListener } from './queueListener';
import { poisonQueueName, QueueProcessor } from './queueProcessor';
import { TimerListener } from './timerListener';
import { queueTriggerData, timerTriggerData } from './triggerData';

/** The listeners of an app's queue and timer functions, timers by function name. */
export interface Listeners {
  readonly queues: readonly QueueListener[];
  readonly timers: ReadonlyMap<string, TimerListener>;
  start(): void;
  /** Takes nothing more; resolves when what is running has ended. */
  stop(): Promise<void>;
}

/** @throws {HostStartError} when a connection of a queue function is missing. */
export function createListeners(definitions: readonly FunctionDefinition[], context: HostContext): Listeners {
  const queues: QueueListener[] = [];
  const timers = new Map<string, TimerListener>();
  const enabled = new Set<QueueListener | TimerListener>();
  for (const definition of definitions) {
    const listener = createListener(definition, context);
    if (listener === undefined) continue;
    if (listener instanceof TimerListener) timers.set(definition.name, listener);
    else queues.push(listener);
    if (!definition.isDisabled) enabled.add(listener);
  }
  return {
    queues,
    timers,
    start: () => {
      for (const listener of enabled) listener.start();
    },
    stop: async () => {
      await Promise.all([...enabled].map((listener) => listener.stop()));
    },
  };
}

function createListener(
  definition: FunctionDefinition,
  context: HostContext,
): QueueListener | TimerListener | undefined {
  switch (definition.trigger.kind) {
    case 'http':
      return undefined;
    case 'timer':
      return new TimerListener(definition.trigger, (info) =>
        context.invoker.invoke(definition, timerTriggerData(info)),
      );
    case 'queue':
      return createQueueListener(definition, definition.trigger, context);
  }
}

function createQueueListener(
  definition: FunctionDefinition,
  trigger: QueueTrigger,
  context: HostContext,
): QueueListener {
  const { statistics, logger, leaseSeconds, isAbandoned, wake } = context;
  const settings = context.settings.queues;
  const queue = context.storage.queue(trigger.connection, trigger.queueName);
  const poisonName = poisonQueueName(trigger.queueName);
  const processor = new QueueProcessor({
    queue,
    poisonQueue: poisonName === undefined ? undefined : context.storage.queue(trigger.connection, poisonName),
    settings,
    leaseSeconds,
    invoke: (body, message) => context.invoker.invoke(definition, queueTriggerData(definition, body, message)),
    isAbandoned,
    onPoisoned: wake,
    statistics,
    logger,
  });
  return new QueueListener(queue, processor, settings, leaseSeconds, logger);
}
