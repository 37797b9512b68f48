import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { failureEventKinds, notifierOf, type FailureNotifier } from './notifier';

/** NOTIFIER_MODULE cannot be used. The message says what was expected. */
export class NotifierModuleInvalid extends Error {
  readonly code = 'NotifierModuleInvalid';
  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`The notifier module ${path} cannot be used: ${problem}`, options);
    this.name = 'NotifierModuleInvalid';
  }
}

/**
 * Loads a notifier of the user's own: a module that exports, as `createNotifier` (a function, may be async), as `notifier` or as default,
 * an object with some or all of the methods of FailureNotifier. Events without a method are not told.
 * @param path absolute, or relative to the folder of the app
 * @throws NotifierModuleInvalid
 */
export async function loadNotifierModule(path: string): Promise<FailureNotifier> {
  const exported = load(path);
  const candidate = await candidateOf(path, exported);
  const methods = new Map<string, (event: unknown) => unknown>();
  for (const kind of failureEventKinds) {
    const method = isObject(candidate) ? candidate[kind] : undefined;
    if (typeof method === 'function') methods.set(kind, method.bind(candidate) as (event: unknown) => unknown);
    else if (method !== undefined) throw new NotifierModuleInvalid(path, `${kind} is no function`);
  }
  if (methods.size === 0)
    throw new NotifierModuleInvalid(path, `it has none of the methods ${failureEventKinds.join(', ')}`);
  return notifierOf(async (kind, event) => {
    await methods.get(kind)?.(event);
  });
}

function load(path: string): unknown {
  const file = resolve(path);
  try {
    // require also loads ES modules that have no top-level await (Node.js 22.12 and later).
    return createRequire(file)(file) as unknown;
  } catch (error) {
    throw new NotifierModuleInvalid(path, 'it cannot be loaded', { cause: error });
  }
}

async function candidateOf(path: string, exported: unknown): Promise<unknown> {
  if (!isObject(exported)) throw new NotifierModuleInvalid(path, 'it exports nothing');
  const { createNotifier, notifier, default: standard } = exported;
  if (typeof createNotifier === 'function') {
    try {
      return await (createNotifier as () => unknown)();
    } catch (error) {
      throw new NotifierModuleInvalid(path, 'createNotifier failed', { cause: error });
    }
  }
  return notifier ?? standard ?? exported;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
