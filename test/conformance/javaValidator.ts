import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync, copyFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** One thing that the validator says about a resource. */
export interface ValidatorIssue {
  readonly severity: 'fatal' | 'error' | 'warning' | 'information';
  /** Where in the resource, as a FHIRPath. */
  readonly loc?: string;
  /** The validator's own name of the rule. */
  readonly rule?: string;
  readonly msg: string;
}

/** Java or Maven is missing. The message says what to install. */
export class JavaMissing extends Error {
  readonly code = 'JavaMissing';
}

const SOURCES = resolve(__dirname, 'validator');

/** Downloads (once) and compiles HL7's validation code into a cache folder outside the checkout. @throws JavaMissing */
export function setUpValidator(tell: (text: string) => void): string {
  for (const [command, argument] of [
    ['java', '-version'],
    ['javac', '-version'],
    ['mvn', '--version'],
  ] as const) {
    if (spawnSync(command, [argument]).status !== 0) {
      throw new JavaMissing(
        `${command} was not found: install a JDK 17 or newer and Maven 3.8 or newer (Debian: apt-get install openjdk-17-jdk-headless maven)`,
      );
    }
  }
  const cache = process.env.CONFORMANCE_CACHE ?? join(homedir(), '.cache', 'fhir-imaging-functions', 'validator');
  const pom = readFileSync(join(SOURCES, 'pom.xml'), 'utf8');
  const source = readFileSync(join(SOURCES, 'FhirValidate.java'), 'utf8');
  const done = join(cache, 'done');
  if (existsSync(done) && readFileSync(done, 'utf8') === pom + source) return cache;
  tell(`Downloading the validator into ${cache} (145 MB, once) ...`);
  mkdirSync(join(cache, 'classes'), { recursive: true });
  copyFileSync(join(SOURCES, 'pom.xml'), join(cache, 'pom.xml'));
  run('mvn', ['-B', '-q', 'dependency:copy-dependencies', '-DoutputDirectory=lib'], cache);
  run(
    'javac',
    ['-nowarn', '-cp', join(cache, 'lib', '*'), '-d', join(cache, 'classes'), join(SOURCES, 'FhirValidate.java')],
    cache,
  );
  writeFileSync(done, pom + source);
  return cache;
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${(stderr + stdout).slice(-2000)}`);
}

/** Validates resources in one JVM, in order. */
export async function validateAll(
  cache: string,
  resources: readonly object[],
): Promise<readonly (readonly ValidatorIssue[])[]> {
  const classPath = [join(cache, 'classes'), join(cache, 'lib', '*')].join(process.platform === 'win32' ? ';' : ':');
  const child = spawn(
    'java',
    ['-Xmx2g', '-cp', classPath, 'FhirValidate', '--defs', join(SOURCES, 'defs'), '--stdio'],
    {
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  );
  const exited = new Promise<number | null>((done, failed) => {
    child.once('exit', done);
    child.once('error', failed);
  });
  const writing = (async () => {
    for (const resource of resources) {
      if (!child.stdin.write(`${JSON.stringify(resource)}\n`))
        await new Promise((drained) => child.stdin.once('drain', drained));
    }
    child.stdin.end();
  })();
  const results: (readonly ValidatorIssue[])[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const { issues } = JSON.parse(line) as { issues: readonly ValidatorIssue[] };
    results.push(issues);
  }
  await writing;
  await exited;
  if (results.length !== resources.length)
    throw new Error(`The validator answered ${results.length} of ${resources.length} resources`);
  return results;
}
