import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type ByteSource, withFileBytes } from './byteSource';
import { type DicomJson, isDicomJson, withoutBulkData } from './dicomJson';
import { readPart10, UnreadableDicom } from './part10';
import { reasonNotStorable } from './storable';

/** What one file of a folder holds; `path` is relative to the folder. A JSON file with a list gives several. */
export type FolderEntry =
  | { readonly kind: 'instance'; readonly path: string; readonly dataset: DicomJson }
  | { readonly kind: 'skipped'; readonly path: string; readonly reason: string };

/** There is no such folder, or it is no folder. */
export class FolderNotFound extends Error {
  readonly code = 'FolderNotFound';
  override readonly name = 'FolderNotFound';

  constructor(readonly directory: string) {
    super(`There is no folder ${directory}`);
  }
}

const BYTE_ORDER_MARK = '\uFEFF';
const MAX_JSON_BYTES = 256 * 1024 * 1024;

/**
 * Reads all DICOM objects below a folder, one file at a time in the order of their names: DICOM files (Part 10, with or
 * without preamble) up to their pixel data, and DICOM JSON (one object or a list), whatever the files are called. A file that
 * cannot be read or stored is named with the reason.
 *
 * @throws {FolderNotFound}
 */
export async function* readFolder(directory: string): AsyncGenerator<FolderEntry> {
  await checkFolder(directory);
  for await (const file of filesBelow(directory, new Set())) {
    const path = relative(directory, file);
    try {
      for (const dataset of await datasetsOf(file)) yield entryOf(path, dataset);
    } catch (error) {
      yield { kind: 'skipped', path, reason: reasonOf(error) };
    }
  }
}

/** @throws {FolderNotFound} */
export async function checkFolder(directory: string): Promise<void> {
  if (!(await isFolder(directory))) throw new FolderNotFound(directory);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/** Follows links, each folder once. */
async function* filesBelow(directory: string, visited: Set<string>): AsyncGenerator<string> {
  const real = await realpath(directory);
  if (visited.has(real)) return;
  visited.add(real);
  for (const name of (await readdir(directory)).sort()) {
    const path = join(directory, name);
    if (await isFolder(path)) yield* filesBelow(path, visited);
    else yield path;
  }
}

async function datasetsOf(file: string): Promise<readonly DicomJson[]> {
  // A pipe or device would be waited for without end.
  if (!(await stat(file)).isFile()) throw new UnreadableDicom('it is not an ordinary file');
  return withFileBytes(file, looksLikeJson) ? readDicomJson(file) : [withFileBytes(file, readPart10)];
}

function looksLikeJson(source: ByteSource): boolean {
  const start = source
    .bytes(0, Math.min(source.sizeBytes, 64))
    .toString('utf8')
    .replace(BYTE_ORDER_MARK, '')
    .trimStart();
  return start.startsWith('{') || start.startsWith('[');
}

async function readDicomJson(file: string): Promise<readonly DicomJson[]> {
  if ((await stat(file)).size > MAX_JSON_BYTES) throw new UnreadableDicom('it is JSON of more than 256 MiB');
  const json = parsed((await readFile(file, 'utf8')).replace(BYTE_ORDER_MARK, ''));
  const datasets: readonly unknown[] = Array.isArray(json) ? json : [json];
  return datasets.map((dataset) => {
    if (!isDicomJson(dataset)) throw new UnreadableDicom('it is JSON, but not DICOM JSON');
    return withoutBulkData(dataset);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreadableDicom('it is neither a DICOM file nor valid JSON');
  }
}

function entryOf(path: string, dataset: DicomJson): FolderEntry {
  const reason = reasonNotStorable(dataset);
  return reason === undefined ? { kind: 'instance', path, dataset } : { kind: 'skipped', path, reason };
}

function reasonOf(error: unknown): string {
  if (error instanceof UnreadableDicom) return error.message;
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') {
    return `it cannot be opened (${error.code})`;
  }
  return 'it cannot be read';
}
