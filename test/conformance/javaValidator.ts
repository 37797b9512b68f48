import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setUpJavaPart } from '../support/javaPart';

/** One thing that the validator says about a resource. */
export interface ValidatorIssue {
  readonly severity: 'fatal' | 'error' | 'warning' | 'information';
  /** Where in the resource, as a FHIRPath. */
  readonly loc?: string;
  /** The validator's own name of the rule. */
  readonly rule?: string;
  readonly msg: string;
}

const SOURCES = resolve(__dirname, 'validator');

/** HL7's validation code, ready to run. @returns its class path @throws JavaMissing */
export function setUpValidator(tell: (text: string) => void): string {
  return setUpJavaPart(
    {
      name: 'validator',
      sources: SOURCES,
      main: 'FhirValidate',
      maven: ['dependency:copy-dependencies'],
      download: 'the validator (145 MB)',
    },
    tell,
  );
}

/** Validates resources in one JVM, in order. */
export async function validateAll(
  classPath: string,
  resources: readonly object[],
): Promise<readonly (readonly ValidatorIssue[])[]> {
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
