import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ignore from 'ignore';

/** Whether a path below the root of the project belongs into the package. */
export type Keeps = (path: string) => boolean;

/** What `.funcignore` leaves, by the rules of `.gitignore`. Paths have forward slashes; that of a folder ends with one. */
export async function funcIgnore(root: string): Promise<Keeps> {
  const rules = ignore().add(await readFile(join(root, '.funcignore'), 'utf8'));
  return (path) => !rules.ignores(path);
}
