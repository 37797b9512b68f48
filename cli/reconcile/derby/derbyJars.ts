import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Environment } from '../../../src/payloads/configuration/environmentReferences';
import { DerbyFailure } from './derbyFailure';

/** The release that the FHIR server itself comes with. It needs Java 9 or later. */
const VERSION = '10.15.2.0';

const SHA256_BY_ARTIFACT: Readonly<Record<string, string>> = {
  derby: '3afe424625f4caea05ff2f9022be2d98634be4d69dee3529697dab6d9fe1142f',
  derbyshared: '55365ab97e698080c6ccec65dbf7b8c63e4b4b77ad08f794d11458b1f2ea272c',
  derbytools: '45d6dc34af9790f7f8fafb9b15d8525f3b429950fca4b4051e7e4f81f9170cd9',
};

const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy';

/**
 * Finds Apache Derby: in DERBY_HOME where that is set, else in a cache folder, into which Maven fetches it once, from wherever its settings say.
 * @param tell takes a line for the operator before a download
 * @returns the class path
 * @throws DerbyFailure
 */
export async function derbyClassPath(environment: Environment, tell: (line: string) => void): Promise<string> {
  const home = environment.DERBY_HOME;
  if (home !== undefined && home !== '') return classPathOfInstallation(join(home, 'lib'));
  const cache = environment.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const folder = join(cache, 'fhir-imaging-functions', `derby-${VERSION}`);
  const artifacts = Object.entries(SHA256_BY_ARTIFACT);
  for (const [artifact, expected] of artifacts) {
    const file = join(folder, fileName(artifact));
    if ((await sha256(file)) === expected) continue;
    tell(`Fetching Apache Derby ${VERSION} (${artifact}) into ${folder} (once) ...`);
    await fetchJar(artifact, folder, environment);
    if ((await sha256(file)) === expected) continue;
    await rm(file, { force: true });
    throw new DerbyFailure(
      'DerbyMissing',
      `What Maven fetched for ${artifact} ${VERSION} is not what was released: its SHA-256 differs`,
    );
  }
  return artifacts.map(([artifact]) => join(folder, fileName(artifact))).join(delimiter);
}

function classPathOfInstallation(lib: string): string {
  if (existsSync(join(lib, 'derby.jar'))) return join(lib, '*');
  throw new DerbyFailure(
    'DerbyMissing',
    `DERBY_HOME: expected an unpacked Apache Derby, but there is no ${join(lib, 'derby.jar')}`,
  );
}

const fileName = (artifact: string): string => `${artifact}-${VERSION}.jar`;

async function sha256(file: string): Promise<string | undefined> {
  if (!existsSync(file)) return undefined;
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

async function fetchJar(artifact: string, folder: string, environment: Environment): Promise<void> {
  await mkdir(folder, { recursive: true });
  const options = [`-Dartifact=org.apache.derby:${artifact}:${VERSION}`, `-DoutputDirectory=${folder}`];
  try {
    await promisify(execFile)('mvn', ['-B', '-q', COPY, ...options], {
      env: { ...environment },
      // On Windows Maven is a batch file.
      shell: process.platform === 'win32',
    });
  } catch (error) {
    throw new DerbyFailure('DerbyMissing', `Derby ${VERSION} is not here: ${whyNotFetched(error)}`);
  }
}

function whyNotFetched(error: unknown): string {
  const { code, stdout } = error as { readonly code?: unknown; readonly stdout?: unknown };
  if (code === 'ENOENT')
    return 'install Maven, which fetches it, or set DERBY_HOME to an unpacked Apache Derby 10.15 or later';
  const [line = ''] = typeof stdout === 'string' ? stdout.split('\n').filter((text) => text.startsWith('[ERROR]')) : [];
  return `Maven could not fetch it (${line.replace('[ERROR] ', '').slice(0, 300)}); or set DERBY_HOME to an unpacked Apache Derby`;
}
