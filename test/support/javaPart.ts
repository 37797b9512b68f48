import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Java or Maven is missing. The message says what to install. */
export class JavaMissing extends Error {
  readonly code = 'JavaMissing';
}

export interface JavaPart {
  /** Names the cache folder. */
  readonly name: string;
  /** Folder with pom.xml and the sources. */
  readonly sources: string;
  readonly main: string;
  /** Files that belong on the class path beside the classes. */
  readonly resources?: readonly string[];
  /** Further arguments for Maven. */
  readonly maven: readonly string[];
  readonly download: string;
}

/**
 * Downloads (once) and compiles a Java part into a cache folder outside the checkout (TEST_CACHE, else ~/.cache/fhir-imaging-functions).
 * @returns its class path
 * @throws JavaMissing
 */
export function setUpJavaPart(part: JavaPart, tell: (text: string) => void): string {
  requireCommands();
  const cache = join(process.env.TEST_CACHE ?? join(homedir(), '.cache', 'fhir-imaging-functions'), part.name);
  const classes = join(cache, 'classes');
  const classPath = [classes, join(cache, 'lib', '*')].join(delimiter);
  const stamp = ['pom.xml', `${part.main}.java`, ...(part.resources ?? [])]
    .map((name) => readFileSync(join(part.sources, name), 'utf8'))
    .join('\n');
  const done = join(cache, 'done');
  if (existsSync(done) && readFileSync(done, 'utf8') === stamp) return classPath;
  tell(`Downloading ${part.download} into ${cache} (once) ...`);
  mkdirSync(classes, { recursive: true });
  copyFileSync(join(part.sources, 'pom.xml'), join(cache, 'pom.xml'));
  for (const name of part.resources ?? []) copyFileSync(join(part.sources, name), join(classes, name));
  run('mvn', ['-B', '-q', ...part.maven, '-DoutputDirectory=lib'], cache);
  run(
    'javac',
    ['-nowarn', '-cp', join(cache, 'lib', '*'), '-d', classes, join(part.sources, `${part.main}.java`)],
    cache,
  );
  writeFileSync(done, stamp);
  return classPath;
}

function requireCommands(): void {
  const commands = [
    ['java', '-version'],
    ['javac', '-version'],
    ['mvn', '--version'],
  ] as const;
  for (const [command, argument] of commands) {
    if (spawnSync(command, [argument]).status === 0) continue;
    throw new JavaMissing(
      `${command} was not found: install a JDK 17 or newer and Maven 3.8 or newer (Debian: apt-get install openjdk-17-jdk-headless maven)`,
    );
  }
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${(stderr + stdout).slice(-2000)}`);
}
