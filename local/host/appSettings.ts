import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { HostStartError } from './errors';

const localSettingsSchema = z.object({
  IsEncrypted: z.boolean().default(false),
  Values: z.record(z.string(), z.string()).default({}),
  Host: z.object({ LocalHttpPort: z.number().int().optional() }).optional(),
});

export interface LocalSettings {
  readonly values: Readonly<Record<string, string>>;
  readonly port: number | undefined;
}

/** Settings of this process: what a function sees in `process.env`. */
export type Environment = Record<string, string | undefined>;

/**
 * Reads local.settings.json of an app; an app without one has no values.
 *
 * @throws {HostStartError} when the file is no JSON, is encrypted, or has values that are not text.
 */
export async function readLocalSettings(appDirectory: string): Promise<LocalSettings> {
  const path = join(appDirectory, 'local.settings.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return { values: {}, port: undefined };
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new HostStartError(`${path} is not valid JSON`);
  }
  const parsed = localSettingsSchema.safeParse(json);
  if (!parsed.success) {
    const keys = parsed.error.issues.map((issue) => issue.path.join('.'));
    throw new HostStartError(`${path}: every value must be text; wrong: ${keys.join(', ')}`);
  }
  if (parsed.data.IsEncrypted) {
    throw new HostStartError(`${path} is encrypted; only the Core Tools can read it`);
  }
  return { values: parsed.data.Values, port: parsed.data.Host?.LocalHttpPort };
}

/**
 * Puts the settings into `environment`. Explicit settings win over what is there, what is there wins over
 * local.settings.json (as in the Core Tools). Returns a function that takes all of it back.
 */
export function applySettings(
  environment: Environment,
  local: Readonly<Record<string, string>>,
  explicit: Readonly<Record<string, string>>,
): () => void {
  const before = new Map<string, string | undefined>();
  const set = (name: string, value: string): void => {
    if (!before.has(name)) before.set(name, environment[name]);
    environment[name] = value;
  };
  for (const [name, value] of Object.entries({
    FUNCTIONS_WORKER_RUNTIME: 'node',
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    ...local,
  })) {
    if (environment[name] === undefined) set(name, value);
  }
  for (const [name, value] of Object.entries(explicit)) set(name, value);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(environment, name);
      else environment[name] = value;
    }
  };
}

/**
 * Replaces each `%NAME%` by the setting of that name.
 *
 * @throws {HostStartError} when a setting is missing, as the real host does.
 */
export function resolveSettingReferences(text: string, environment: Environment): string {
  return text.replace(/%([^%]+)%/g, (_whole, name: string) => {
    const value = environment[name];
    if (value === undefined || value === '') {
      throw new HostStartError(`'%${name}%' does not resolve to a value: set the app setting ${name}`);
    }
    return value;
  });
}
