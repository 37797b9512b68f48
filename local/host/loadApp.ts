import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import NodeModule from 'node:module';
import { join, sep } from 'node:path';
import { runInThisContext } from 'node:vm';
import { z } from 'zod';
import type { Environment } from './appSettings';
import { HostStartError } from './errors';
import { createFunctionsCore, type LogCategory, type LogLevel, Registry } from './functionsCore';

const CORE_MODULE = '@azure/functions-core';

type Require = NodeJS.Require;
interface ModuleClass {
  readonly prototype: { require: (id: string) => unknown };
  createRequire(path: string): Require;
}

/**
 * Node's own module class. Jest gives a test file a subclass that loads into the file's sandbox; the app is always
 * loaded outside of it, so that it behaves in a test as it does elsewhere.
 */
function nodeModuleClass(): ModuleClass {
  const parent: unknown = Object.getPrototypeOf(NodeModule);
  return isModuleClass(parent) ? parent : NodeModule;
}

function isModuleClass(candidate: unknown): candidate is ModuleClass {
  if (typeof candidate !== 'function') return false;
  const prototype: unknown = candidate.prototype;
  return typeof prototype === 'object' && prototype !== null && 'require' in prototype && 'createRequire' in candidate;
}

/** The `process.env` that the app reads: that of the process, also inside jest. */
export function appEnvironment(): Environment {
  return runInThisContext('process.env') as Environment;
}

/**
 * Loads the files that `main` of the app's package.json names, through the real `@azure/functions`, and returns what
 * they registered. The app's own files and `@azure/functions` are loaded afresh each time; other packages are shared.
 *
 * @throws {HostStartError} when there is no package.json, `main` names no file, or a file throws.
 */
export async function loadApp(
  appDirectory: string,
  log: (level: LogLevel, category: LogCategory, message: string) => void,
): Promise<{ readonly registry: Registry; readonly unload: () => void }> {
  const files = await entryFiles(appDirectory);
  const moduleClass = nodeModuleClass();
  const appRequire = moduleClass.createRequire(join(appDirectory, 'package.json'));
  forgetAppModules(appRequire, appDirectory);

  const registry = new Registry();
  const core = createFunctionsCore(registry, log);
  const original = moduleClass.prototype.require;
  const patched = function (this: unknown, id: string): unknown {
    return id === CORE_MODULE ? core : original.call(this, id);
  };
  moduleClass.prototype.require = patched;
  const unload = (): void => {
    if (moduleClass.prototype.require === patched) moduleClass.prototype.require = original;
  };
  try {
    for (const file of files) loadFile(appRequire, file);
    registry.lock();
    const capabilities = await registry.programmingModel?.getCapabilities?.({});
    if (capabilities?.HttpUri !== undefined) {
      throw new HostStartError(
        'app.setup({ enableHttpStream: true }) is not served by the stand-in; use the Core Tools',
      );
    }
    await registry.runHooks('appStart', {
      hookData: {},
      appHookData: registry.appHookData,
      functionAppDirectory: appDirectory,
    });
  } catch (error) {
    unload();
    throw error;
  }
  return { registry, unload };
}

function loadFile(appRequire: Require, file: string): void {
  try {
    appRequire(file);
  } catch (cause) {
    const message =
      typeof cause === 'object' && cause !== null && 'message' in cause ? String(cause.message) : 'unknown';
    throw Object.assign(new HostStartError(`Worker was unable to load entry point "${file}": ${message}`), { cause });
  }
}

async function entryFiles(appDirectory: string): Promise<readonly string[]> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(join(appDirectory, 'package.json'), 'utf8'));
  } catch {
    throw new HostStartError(`No readable package.json in ${appDirectory}`);
  }
  const main = z.object({ main: z.string().min(1) }).safeParse(json);
  if (!main.success) throw new HostStartError(`package.json in ${appDirectory} has no "main" that names the functions`);
  const files = globSync(main.data.main, { cwd: appDirectory }).sort();
  if (files.length === 0) {
    throw new HostStartError(`"main": "${main.data.main}" names no file in ${appDirectory}: has the app been built?`);
  }
  return files.map((file) => join(appDirectory, file));
}

function forgetAppModules(appRequire: Require, appDirectory: string): void {
  const packages = `${sep}node_modules${sep}`;
  const functionsPackage = `${packages}@azure${sep}functions${sep}`;
  for (const path of Object.keys(appRequire.cache)) {
    const own = path.startsWith(appDirectory + sep) && !path.slice(appDirectory.length).includes(packages);
    if (own || path.includes(functionsPackage)) Reflect.deleteProperty(appRequire.cache, path);
  }
}
