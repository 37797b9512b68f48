import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { HostStartError } from './errors';
import { parseTimeSpanMs } from './timeSpan';

const OVERRIDE_PREFIX = 'azurefunctionsjobhost__';
const DEVELOPMENT_MAX_POLLING_MS = 2_000;
const DEFAULT_MAX_POLLING_MS = 60_000;

/** A section of host.json with every key in lower case: .NET configuration is case-insensitive. */
type Section = Record<string, unknown>;

const timeSpan = z.string().transform((text, context) => {
  const milliseconds = parseTimeSpanMs(text);
  if (milliseconds === undefined) {
    context.addIssue({ code: 'custom', message: 'expected a time span such as 00:00:30' });
    return z.NEVER;
  }
  return milliseconds;
});

const queuesSchema = z.object({
  batchsize: z.coerce.number().int().min(1).max(32).default(16),
  newbatchthreshold: z.coerce.number().int().min(0).optional(),
  maxpollinginterval: timeSpan.pipe(z.number().min(100, 'must be at least 100 ms')).optional(),
  visibilitytimeout: timeSpan.default(0),
  maxdequeuecount: z.coerce.number().int().min(1).default(5),
  messageencoding: z
    .string()
    .toLowerCase()
    .pipe(z.enum(['base64', 'none']))
    .default('base64'),
});

const hostSchema = z.object({
  version: z.literal('2.0', 'must be "2.0"'),
  functiontimeout: timeSpan.default(30 * 60_000),
  extensions: z
    .object({
      queues: queuesSchema.prefault({}),
      http: z.object({ routeprefix: z.string().default('api') }).prefault({}),
    })
    .prefault({}),
  logging: z.object({ loglevel: z.record(z.string(), z.string().toLowerCase()).default({}) }).prefault({}),
});

export interface QueueSettings {
  /** Messages taken at once, 1 to 32. */
  readonly batchSize: number;
  /** A new batch is taken when no more than this many messages are running. */
  readonly newBatchThreshold: number;
  readonly maxPollingIntervalMs: number;
  /** Delay after a failed run; the same for every message. */
  readonly visibilityTimeoutSeconds: number;
  readonly maxDequeueCount: number;
  readonly messageEncoding: 'base64' | 'none';
}

export interface HostSettings {
  /** `Infinity` when host.json says -1. */
  readonly functionTimeoutMs: number;
  readonly queues: QueueSettings;
  readonly routePrefix: string;
  /** Category prefix in lower case -> level in lower case; `default` is the rest. */
  readonly logLevels: Readonly<Record<string, string>>;
}

/**
 * Reads host.json and lays the settings `AzureFunctionsJobHost__section__key` over it.
 *
 * @throws {HostStartError} when the file is missing, is no JSON, or a value breaks its rule; the message names the key.
 */
export async function readHostSettings(
  appDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<HostSettings> {
  const path = join(appDirectory, 'host.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    throw new HostStartError(`host.json not found in ${appDirectory}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new HostStartError(`${path} is not valid JSON`);
  }
  return resolveHostSettings(json, environment);
}

/** As {@link readHostSettings}, for a host.json that has been parsed. */
export function resolveHostSettings(
  json: unknown,
  environment: Readonly<Record<string, string | undefined>>,
): HostSettings {
  const tree = lowerKeys(json);
  if (!isSection(tree)) throw new HostStartError('host.json must hold an object');
  for (const [name, value] of Object.entries(environment)) {
    const key = name.toLowerCase().replaceAll(':', '__');
    if (value !== undefined && key.startsWith(OVERRIDE_PREFIX)) {
      override(tree, key.slice(OVERRIDE_PREFIX.length).split('__'), value);
    }
  }
  const parsed = hostSchema.safeParse(tree);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new HostStartError(`host.json (with its AzureFunctionsJobHost__ settings): ${problems.join('; ')}`);
  }
  const { extensions, functiontimeout, logging } = parsed.data;
  return {
    functionTimeoutMs: functiontimeout,
    routePrefix: extensions.http.routeprefix.replace(/^\/+|\/+$/g, ''),
    logLevels: logging.loglevel,
    queues: toQueueSettings(extensions.queues, environment),
  };
}

function toQueueSettings(
  queues: z.infer<typeof queuesSchema>,
  environment: Readonly<Record<string, string | undefined>>,
): QueueSettings {
  const isDevelopment = (environment.AZURE_FUNCTIONS_ENVIRONMENT ?? 'Development').toLowerCase() === 'development';
  const configured = queues.maxpollinginterval ?? DEFAULT_MAX_POLLING_MS;
  return {
    batchSize: queues.batchsize,
    newBatchThreshold: queues.newbatchthreshold ?? Math.floor(queues.batchsize / 2) * availableParallelism(),
    maxPollingIntervalMs:
      isDevelopment && configured === DEFAULT_MAX_POLLING_MS ? DEVELOPMENT_MAX_POLLING_MS : configured,
    visibilityTimeoutSeconds: Math.floor(queues.visibilitytimeout / 1000),
    maxDequeueCount: queues.maxdequeuecount,
    messageEncoding: queues.messageencoding,
  };
}

function override(section: Section, path: readonly string[], value: string): void {
  const [key, ...rest] = path;
  if (key === undefined || key === '') return;
  if (rest.length === 0) {
    section[key] = value;
    return;
  }
  const existing = section[key];
  const child = isSection(existing) ? existing : {};
  section[key] = child;
  override(child, rest, value);
}

function lowerKeys(value: unknown): unknown {
  if (!isSection(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key.toLowerCase(), lowerKeys(child)]));
}

function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
