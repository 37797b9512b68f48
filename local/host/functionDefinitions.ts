import { z } from 'zod';
import { type Environment, resolveSettingReferences } from './appSettings';
import { HostStartError } from './errors';
import type { BindingInfo, RegisteredFunction, Registry } from './functionsCore';
import { parseTimerSchedule, type TimerSchedule } from './timerSchedule';

export type AuthLevel = 'anonymous' | 'function' | 'admin';

export interface HttpTrigger {
  readonly kind: 'http';
  readonly bindingName: string;
  /** Without the prefix of host.json; the function's name when the app names none. */
  readonly route: string;
  /** In upper case; empty means every method. */
  readonly methods: readonly string[];
  readonly authLevel: AuthLevel;
}

export interface TimerTrigger {
  readonly kind: 'timer';
  readonly bindingName: string;
  readonly schedule: TimerSchedule;
  readonly runOnStartup: boolean;
  readonly useMonitor: boolean;
}

export interface QueueTrigger {
  readonly kind: 'queue';
  readonly bindingName: string;
  readonly queueName: string;
  readonly connection: string;
}

export interface QueueOutput {
  readonly bindingName: string;
  readonly queueName: string;
  readonly connection: string;
}

export interface FunctionDefinition {
  readonly name: string;
  readonly trigger: HttpTrigger | TimerTrigger | QueueTrigger;
  readonly queueOutputs: readonly QueueOutput[];
  /** By the setting `AzureWebJobs.<name>.Disabled`: not triggered, but the admin endpoint still runs it. */
  readonly isDisabled: boolean;
  readonly registered: RegisteredFunction;
}

const DEFAULT_CONNECTION = 'AzureWebJobsStorage';

const httpBinding = z.object({
  route: z.string().optional(),
  methods: z.array(z.string().toUpperCase()).default([]),
  authLevel: z
    .string()
    .toLowerCase()
    .pipe(z.enum(['anonymous', 'function', 'admin']))
    .default('function'),
});
const timerBinding = z.object({
  schedule: z.string(),
  runOnStartup: z.boolean().default(false),
  useMonitor: z.boolean().default(true),
});
const queueBinding = z.object({
  queueName: z.string().min(1),
  connection: z.string().min(1).default(DEFAULT_CONNECTION),
});

/**
 * Reads what the app registered into the triggers and outputs that this host can serve.
 *
 * @throws {HostStartError} for a binding that it cannot serve, a missing `%SETTING%`, a bad schedule or a bad queue name.
 */
export function readFunctionDefinitions(registry: Registry, environment: Environment): readonly FunctionDefinition[] {
  const definitions = [...registry.functions.values()].map((registered) => definitionOf(registered, environment));
  return definitions.sort((a, b) => a.name.localeCompare(b.name));
}

function definitionOf(registered: RegisteredFunction, environment: Environment): FunctionDefinition {
  const { name, bindings } = registered.metadata;
  const entries = Object.entries(bindings);
  const triggerEntry = entries.find(([, binding]) => /trigger$/i.test(binding.type));
  if (triggerEntry === undefined) throw new HostStartError(`Function ${name} has no trigger`);
  const others = entries.filter((entry) => entry !== triggerEntry && entry[1].type.toLowerCase() !== 'http');
  return {
    name,
    trigger: triggerOf(name, triggerEntry, environment),
    queueOutputs: others.map(([bindingName, binding]) => queueOutputOf(name, bindingName, binding, environment)),
    isDisabled: isTrue(environment[`AzureWebJobs.${name}.Disabled`] ?? environment[`AzureWebJobs_${name}_Disabled`]),
    registered,
  };
}

function triggerOf(
  name: string,
  [bindingName, binding]: readonly [string, BindingInfo],
  environment: Environment,
): FunctionDefinition['trigger'] {
  switch (binding.type.toLowerCase()) {
    case 'httptrigger': {
      const { route, methods, authLevel } = parse(name, httpBinding, binding);
      return { kind: 'http', bindingName, route: route ?? name, methods, authLevel };
    }
    case 'timertrigger': {
      const { schedule, ...rest } = parse(name, timerBinding, binding);
      const text = resolveSettingReferences(schedule, environment);
      return { kind: 'timer', bindingName, schedule: parseTimerSchedule(text), ...rest };
    }
    case 'queuetrigger': {
      const queue = parse(name, queueBinding, binding);
      return { kind: 'queue', bindingName, ...queue, queueName: queueNameOf(name, queue.queueName, environment) };
    }
    default:
      throw new HostStartError(`Function ${name}: the stand-in cannot serve a ${binding.type}; use the Core Tools`);
  }
}

function queueOutputOf(name: string, bindingName: string, binding: BindingInfo, environment: Environment): QueueOutput {
  if (binding.direction !== 'out' || binding.type.toLowerCase() !== 'queue') {
    throw new HostStartError(
      `Function ${name}: the stand-in cannot serve the ${binding.direction} binding ${binding.type}`,
    );
  }
  const queue = parse(name, queueBinding, binding);
  return { bindingName, ...queue, queueName: queueNameOf(name, queue.queueName, environment) };
}

function queueNameOf(functionName: string, text: string, environment: Environment): string {
  const queueName = resolveSettingReferences(text, environment).toLowerCase();
  if (!/^[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]$/.test(queueName)) {
    throw new HostStartError(`Function ${functionName}: "${queueName}" is not a valid queue name`);
  }
  return queueName;
}

function parse<T>(functionName: string, schema: z.ZodType<T>, binding: BindingInfo): T {
  const parsed = schema.safeParse(binding);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new HostStartError(`Function ${functionName}, ${binding.type}: ${problems.join('; ')}`);
}

function isTrue(value: string | undefined): boolean {
  return value === '1' || value?.toLowerCase() === 'true';
}
