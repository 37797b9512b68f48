import { existsSync, globSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type BicepFile, parseBicep } from './syntax';

const ROOT = join(__dirname, '..', '..', '..');

/** Every template of infra/ by its path from the root of the project. */
export async function templates(): Promise<ReadonlyMap<string, BicepFile>> {
  const paths = globSync(join(ROOT, 'infra', '**', '*.bicep')).map((path) => relative(ROOT, path));
  return new Map(await Promise.all(paths.sort().map(async (path) => [path, await parseTemplate(path)] as const)));
}

async function parseTemplate(path: string): Promise<BicepFile> {
  return { ...(await parseBicep(join(ROOT, path))), path };
}

/** The file that a module or `loadTextContent` of a template names. */
export const besides = (file: BicepFile, path: string): string => join(dirname(file.path), path);

export const isThere = (path: string): boolean => existsSync(join(ROOT, path));
