import { randomBytes, randomUUID } from 'node:crypto';
import { describeError, FunctionTimeoutError } from './errors';
import type { FunctionDefinition } from './functionDefinitions';
import type {
  CoreInvocationContext,
  FunctionCallback,
  InvocationRequest,
  InvocationResponse,
  ProgrammingModel,
  Registry,
  TypedData,
} from './functionsCore';
import type { HostLogger } from './logs';
import type { QueueOutputs } from './queueOutputs';
import type { StatisticsCounter } from './statistics';

export type InvocationOutcome =
  | { readonly kind: 'succeeded'; readonly response: InvocationResponse }
  | { readonly kind: 'failed'; readonly error: unknown };

export interface TriggerData {
  readonly data: TypedData;
  readonly metadata: Readonly<Record<string, TypedData>>;
  /** For the log: why the function runs. */
  readonly reason: string;
}

export interface InvokerParts {
  readonly model: ProgrammingModel;
  readonly registry: Registry;
  /** `Infinity` for none. */
  readonly timeoutMs: number;
  readonly outputs: QueueOutputs;
  readonly statistics: StatisticsCounter;
  readonly logger: HostLogger;
}

/** Runs functions as the Node.js worker does: arguments, hooks, handler, hooks, response; then the output bindings. */
export class FunctionInvoker {
  constructor(private readonly parts: InvokerParts) {}

  /**
   * Never rejects. A run that exceeds the function time-out has failed for its caller; its code goes on in the
   * background (the real host restarts the worker process instead).
   */
  async invoke(definition: FunctionDefinition, trigger: TriggerData): Promise<InvocationOutcome> {
    const invocationId = randomUUID();
    const category = `Function.${definition.name}`;
    const startedAt = performance.now();
    this.parts.statistics.functionStarted(definition.name);
    this.parts.logger.write(
      'information',
      category,
      `Executing '${definition.name}' (Reason='${trigger.reason}')`,
      invocationId,
    );
    const outcome = await this.outcomeOf(definition, trigger, invocationId);
    this.parts.statistics.functionEnded(definition.name, outcome.kind === 'succeeded');
    const durationMs = Math.round(performance.now() - startedAt);
    if (outcome.kind === 'failed') {
      this.parts.logger.write('error', category, describeError(outcome.error), invocationId);
    }
    const [level, result] =
      outcome.kind === 'failed' ? (['error', 'Failed'] as const) : (['information', 'Succeeded'] as const);
    this.parts.logger.write(
      level,
      category,
      `Executed '${definition.name}' (${result}, Duration=${durationMs}ms)`,
      invocationId,
    );
    return outcome;
  }

  private async outcomeOf(
    definition: FunctionDefinition,
    trigger: TriggerData,
    invocationId: string,
  ): Promise<InvocationOutcome> {
    let timer: NodeJS.Timeout | undefined;
    try {
      const run = this.run(definition, trigger, invocationId);
      if (!Number.isFinite(this.parts.timeoutMs)) return await run;
      const timeout = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => {
          reject(new FunctionTimeoutError(definition.name, this.parts.timeoutMs));
        }, this.parts.timeoutMs);
      });
      return await Promise.race([run, timeout]);
    } catch (error) {
      return { kind: 'failed', error };
    } finally {
      clearTimeout(timer);
    }
  }

  private async run(
    definition: FunctionDefinition,
    trigger: TriggerData,
    invocationId: string,
  ): Promise<InvocationOutcome> {
    const core = this.coreContext(definition, trigger, invocationId);
    const invocation = await this.parts.model.getInvocationModel(core);
    const { context, inputs } = await invocation.getArguments();
    const hook = { hookData: {}, appHookData: this.parts.registry.appHookData, invocationContext: context };

    const before: { inputs: unknown[]; functionCallback: FunctionCallback } & typeof hook = {
      ...hook,
      inputs,
      functionCallback: definition.registered.callback,
    };
    core.state = 'preInvocationHooks';
    await this.parts.registry.runHooks('preInvocation', before);

    core.state = 'invocation';
    const after = { ...hook, inputs: before.inputs, result: undefined as unknown, error: undefined as unknown };
    try {
      after.result = await invocation.invokeFunction(context, before.inputs, before.functionCallback);
    } catch (error) {
      after.error = error ?? new Error('The function threw nothing');
    }
    core.state = 'postInvocationHooks';
    await this.parts.registry.runHooks('postInvocation', after);
    core.state = undefined;
    if (after.error !== undefined && after.error !== null) return { kind: 'failed', error: after.error };

    const response = await invocation.getResponse(context, after.result);
    await this.parts.outputs.send(definition, response);
    return { kind: 'succeeded', response };
  }

  private coreContext(
    definition: FunctionDefinition,
    trigger: TriggerData,
    invocationId: string,
  ): CoreInvocationContext {
    const request: InvocationRequest = {
      invocationId,
      inputData: [{ name: definition.trigger.bindingName, data: trigger.data }],
      triggerMetadata: trigger.metadata,
      traceContext: {
        // Not sampled by the host: the harder case for an app that traces.
        traceParent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`,
        traceState: '',
        attributes: {},
      },
    };
    return {
      invocationId,
      metadata: definition.registered.metadata,
      request,
      log: (level, category, message) => {
        const entry = { hookData: {}, appHookData: this.parts.registry.appHookData, level, category, message };
        this.parts.registry.runLogHooks(entry);
        const source = category === 'user' ? `Function.${definition.name}.User` : `Function.${definition.name}`;
        this.parts.logger.write(entry.level, source, entry.message, invocationId);
      },
    };
  }
}
