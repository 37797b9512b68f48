import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { DerbySettings } from '../../../src/payloads/configuration/derbySettings';
import type { Environment } from '../../../src/payloads/configuration/environmentReferences';
import { parseJson } from '../../../src/http/json';
import { DerbyFailure } from './derbyFailure';

/** The columns of a row as texts. */
export type DerbyRow = readonly (string | null)[];

/** An embedded Derby database, in a Java process of its own. */
export interface DerbyBridge {
  /**
   * Runs the statement once for each set of values.
   * @returns the rows of each execution, as many as there are sets of values
   * @throws DerbyFailure
   */
  query(statement: string, executions: readonly DerbyRow[]): Promise<readonly (readonly DerbyRow[])[]>;
  /** Shuts the database down, so that a server can open it. */
  close(): Promise<void>;
}

const answers = z.union([
  z.object({ results: z.array(z.array(z.array(z.string().nullable()))) }),
  z.object({ states: z.array(z.string()), message: z.string() }),
]);

/** Compiled by Java when it starts, so a JDK is needed. The folder is the same seen from the compiled file and from the source. */
const SOURCE = ['DerbyBridge.java', join('..', '..', '..', '..', 'cli', 'reconcile', 'derby', 'DerbyBridge.java')]
  .map((name) => join(__dirname, name))
  .find((file) => existsSync(file));

/**
 * Starts Java and opens the database, which nothing else may have open.
 * @throws DerbyFailure
 */
export async function openDerby(
  settings: DerbySettings,
  classPath: string,
  environment: Environment,
): Promise<DerbyBridge> {
  const java = startJava(classPath, environment);
  const ask = conversation(java);
  const close = async (): Promise<void> => {
    if (java.exitCode !== null || java.signalCode !== null || java.pid === undefined) return;
    const ended = once(java, 'exit');
    java.stdin.end();
    await ended;
  };
  try {
    const { user, password, encryption } = settings;
    const login = Object.entries({ user, password }).filter(([, value]) => value !== undefined);
    await ask({ open: { folder: settings.folder, properties: { ...encryption, ...Object.fromEntries(login) } } });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async query(statement, executions) {
      const results = await ask({ statement, executions });
      if (results.length === executions.length) return results;
      throw new DerbyFailure('DerbyRefused', 'Derby answered fewer questions than were asked');
    },
    close,
  };
}

function startJava(classPath: string, environment: Environment): ChildProcessWithoutNullStreams {
  if (SOURCE === undefined) throw new DerbyFailure('DerbyMissing', 'DerbyBridge.java is not beside the command line');
  const home = environment.JAVA_HOME;
  const command = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
  const log = ['-Dderby.stream.error.field=java.lang.System.err', `-Dderby.system.home=${tmpdir()}`];
  // In a process group of its own: an interrupt from the keyboard is for the command line, which still needs Derby to finish its page.
  return spawn(command, ['-cp', classPath, ...log, SOURCE], { detached: true, env: { ...environment } });
}

/** Requests go out as they come, and are answered in their order. */
function conversation(
  java: ChildProcessWithoutNullStreams,
): (request: object) => Promise<readonly (readonly DerbyRow[])[]> {
  const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  const log = lastLines(java);
  let end: DerbyFailure | undefined;
  const finish = (failure: DerbyFailure): void => {
    end ??= failure;
    for (const { reject } of waiting.splice(0)) reject(end);
  };
  createInterface({ input: java.stdout }).on('line', (line) => waiting.shift()?.resolve(line));
  java.on('error', () =>
    finish(new DerbyFailure('JavaMissing', 'Derby needs java on the PATH (or JAVA_HOME): install a JDK, 11 or later')),
  );
  java.on('close', () => finish(new DerbyFailure('DerbyEnded', `Derby has ended: ${log()}`)));
  // A process that ended cannot be written to; its end is told above.
  java.stdin.on('error', () => undefined);

  return async (request) => {
    const line = await new Promise<string>((resolve, reject) => {
      if (end !== undefined) {
        reject(end);
        return;
      }
      waiting.push({ resolve, reject });
      java.stdin.write(`${JSON.stringify(request)}\n`);
    });
    const answer = answers.safeParse(parseJson(line)).data;
    if (answer === undefined)
      throw new DerbyFailure('DerbyEnded', 'Derby answered something that is not of its protocol');
    if ('results' in answer) return answer.results;
    throw failureOf(answer);
  };
}

/** The states are of Derby's own (Reference Manual, SQL error messages and exceptions). */
function failureOf({
  states,
  message,
}: {
  readonly states: readonly string[];
  readonly message: string;
}): DerbyFailure {
  const text = message.replace(/\s+/g, ' ').slice(0, 500);
  if (states.includes('XSDB6'))
    return new DerbyFailure(
      'DatabaseInUse',
      'The Derby database is open in another process: stop the FHIR server before',
    );
  if (states.includes('XJ004')) return new DerbyFailure('DatabaseMissing', `There is no such Derby database: ${text}`);
  return new DerbyFailure('DerbyRefused', `Derby refused (${states.join(', ')}): ${text}`);
}

/** @returns what the process has said last, in one line */
function lastLines(java: ChildProcessWithoutNullStreams): () => string {
  let said = '';
  java.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)));
  return () => said.trim().split('\n').slice(-3).join(' ') || 'it said nothing';
}
