import type { IncomingMessage } from 'node:http';
import { type RunningAzurite, startAzurite } from '../../local/azurite/azurite';
import { serveParent } from '../processes/serveParent';
import { holdRequests, type ServiceCounts } from './holdRequests';

/** Azurite in a process of its own. */

let running: RunningAzurite | undefined;

const hold = holdRequests((port, request) => serviceOf(port, request));

/** Queue reads and writes are told apart, as price lists do; so are the locks of Patients, which share batches. */
function serviceOf(port: number, { method = '', url = '' }: IncomingMessage): string {
  if (running === undefined) return 'storage';
  if (port === Number(new URL(running.tableUrl).port)) return /PatientLocks|\$batch/.test(url) ? 'lock' : 'table';
  if (port === Number(new URL(running.blobUrl).port)) return 'blob';
  return `queue ${method}`;
}

const operations = {
  /** An empty account, in place of the one of before. */
  async start(_input: undefined): Promise<{ readonly connectionString: string }> {
    await running?.stop();
    running = await startAzurite();
    hold.setLatencyMs(0);
    hold.takeCounts();
    return { connectionString: running.connectionString };
  },
  setLatencyMs(latencyMs: number): void {
    hold.setLatencyMs(latencyMs);
  },
  takeCounts(_input: undefined): ServiceCounts {
    return hold.takeCounts();
  },
};

export type StorageService = typeof operations;

serveParent(operations);
