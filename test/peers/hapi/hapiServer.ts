import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setUpJavaPart } from '../../support/javaPart';

/** A HAPI FHIR JPA server, in memory, in a process of its own. */
export interface HapiServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts it; every write is checked by HL7's validation code and refused with 422 when it is wrong. @throws JavaMissing */
export async function startHapiServer(): Promise<HapiServer> {
  const classPath = setUpJavaPart(
    {
      name: 'hapi',
      sources: __dirname,
      main: 'FhirServer',
      resources: ['logback.xml'],
      maven: ['-N', 'org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies', '-DincludeScope=runtime'],
      download: 'the HAPI FHIR server (299 MB)',
    },
    console.error,
  );
  const child = spawn('java', ['-Xmx2g', '-Dport=0', '-Dvalidate=true', '-cp', classPath, 'FhirServer'], {
    cwd: resolve(__dirname),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    child.kill();
    await once(child, 'exit');
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const ready = /^READY (\{.*\})/.exec(line)?.[1];
    if (ready === undefined) continue;
    child.stdout.resume();
    return { url: (JSON.parse(ready) as { base: string }).base, stop };
  }
  throw new Error('The HAPI server ended before it was ready');
}
