import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { z } from 'zod';
import { funcIgnore, type Keeps } from './funcIgnore';

/** npm could not install the production dependencies. */
export class InstallFailed extends Error {
  readonly code = 'InstallFailed';
}

export interface AssembledPackage {
  readonly files: number;
  readonly sizeBytes: number;
  /** What is uploaded: the sum of the deflated files, as a zip holds them. */
  readonly zippedBytes: number;
}

/**
 * Makes the folder that is published: the built project and its production dependencies, of both what `.funcignore` leaves.
 * Whatever the folder held before is gone.
 * @param root the project, after `npm run build`
 * @throws InstallFailed, and what the file system says
 */
export async function assemblePackage(root: string, target: string): Promise<AssembledPackage> {
  const keeps = await funcIgnore(root);
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) await copyFile(join(root, name), join(target, name));
  await install(target);
  await removeIgnored(target, '', keeps);
  for await (const path of filesBelow(root, '', (name) => name !== 'node_modules/' && keeps(name))) {
    if (isStale(root, path)) continue;
    await mkdir(dirname(join(target, path)), { recursive: true });
    await copyFile(join(root, path), join(target, path));
  }
  await writeManifest(target);
  return measure(target);
}

/** Code of an earlier build whose source is gone: a function that was removed would go on running. */
function isStale(root: string, path: string): boolean {
  const source = /^dist\/(.*)\.js$/.exec(path)?.[1];
  return source !== undefined && !existsSync(join(root, `${source}.ts`));
}

/** From the lock file, which says what is fetched; the cache of npm has it since the project itself was installed. */
async function install(target: string): Promise<void> {
  const words = [
    'ci',
    '--omit=dev',
    '--omit=optional',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    // A silent npm around us would make this one silent too.
    '--loglevel=error',
  ];
  const child = spawn('npm', words, {
    cwd: target,
    shell: process.platform === 'win32',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new InstallFailed(`npm ${words.join(' ')} ended with ${code}: ${said.trim()}`);
}

/** What is left of package.json for the host and for npm: nothing is built or installed with it any more. */
async function writeManifest(target: string): Promise<void> {
  const path = join(target, 'package.json');
  const manifest = z
    .object({
      name: z.string(),
      version: z.string(),
      private: z.boolean(),
      license: z.string(),
      engines: z.record(z.string(), z.string()),
      main: z.string(),
      dependencies: z.record(z.string(), z.string()),
    })
    .parse(JSON.parse(await readFile(path, 'utf8')));
  await writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Paths of the files below a folder, with forward slashes; folders that are not entered are left out. */
async function* filesBelow(root: string, folder: string, enters: Keeps): AsyncGenerator<string> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory()) {
      if (enters(`${path}/`)) yield* filesBelow(root, `${path}/`, enters);
    } else if (enters(path)) yield path;
  }
}

async function removeIgnored(root: string, folder: string, keeps: Keeps): Promise<void> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  for (const entry of entries) {
    const path = `${folder}${entry.name}`;
    if (!keeps(entry.isDirectory() ? `${path}/` : path)) await rm(join(root, path), { recursive: true });
    else if (entry.isDirectory()) await removeIgnored(root, `${path}/`, keeps);
  }
  if (folder !== '' && (await readdir(join(root, folder))).length === 0) await rmdir(join(root, folder));
}

const deflate = promisify(deflateRaw);

async function measure(target: string): Promise<AssembledPackage> {
  const total = { files: 0, sizeBytes: 0, zippedBytes: 0 };
  for await (const path of filesBelow(target, '', () => true)) {
    const content = await readFile(join(target, path));
    total.files++;
    total.sizeBytes += content.byteLength;
    total.zippedBytes += (await deflate(content)).byteLength;
  }
  return total;
}
