import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { TableClient } from '@azure/data-tables';
import { type DicomService, startDicomService } from '../../local/dicom/dicomService';
import { type LocalFhirServer, startFhirServer } from '../../local/fhir';
import type { AzuriteForTests } from './azurite';
import { eventually } from './eventually';
import { isSignKey } from '../../src/failures/tableKeys';
import { type HostProcess, startHostProcess } from './hostProcess';

/** A row of `GET /api/failed-entries`. */
export interface ListedEntry {
  readonly study?: { readonly partition: string; readonly uid: string };
  readonly seriesUid?: string;
  readonly instanceUid?: string;
  readonly sequence?: string;
  readonly action?: string;
  readonly errorType: string;
  readonly reason: string;
  readonly message: string;
  readonly suggestedFix?: string;
  readonly httpStatus?: number;
  readonly failureCount: number;
  readonly rowKey: string;
}

interface Status {
  readonly changeFeed: { readonly sequence: number; readonly lagEntries: number; readonly condition: string };
  readonly queues: Readonly<Record<string, number>>;
  readonly failedEntries: { readonly total: number; readonly byReason: Readonly<Record<string, number>> };
  readonly breakers: Readonly<Record<'dicom' | 'fhir', { readonly state: string; readonly reason?: string }>>;
}

/** A service at an address of its own, whose port can be closed: connections are then refused. */
interface ClosablePort {
  readonly port: number;
  close(): Promise<void>;
  open(): Promise<void>;
}

/** The built app on the host stand-in, between embedded services whose faults a test scripts. */
export interface CastApp {
  readonly host: HostProcess;
  readonly dicom: DicomService;
  readonly fhir: LocalFhirServer;
  readonly fhirPort: ClosablePort;
  readonly dicomPort: ClosablePort;
  /** Reads the change feed now. */
  pull(): Promise<void>;
  /** Resolves when neither queue holds a message. */
  drained(timeoutMs?: number): Promise<void>;
  status(): Promise<Status>;
  failedEntries(query?: string): Promise<readonly ListedEntry[]>;
  /** The rows of a table as it holds them, marks included, without the signs that studies have had failed entries. */
  tableRows(table: 'FailedEntries' | 'ValidationWarnings' | 'SyncState'): Promise<readonly Record<string, unknown>[]>;
  stop(): Promise<void>;
}

/** Never by itself within a test. */
const NEVER = '0 0 0 1 1 *';

/**
 * Starts everything but Azurite. Fast: base delay one second, the queues are polled ten times a second.
 * @param appDirectory folder of the built app; the default is this project
 */
export async function startCastApp(
  azurite: AzuriteForTests,
  settings: Readonly<Record<string, string>> = {},
  commandLine: readonly string[] = [],
  appDirectory?: string,
): Promise<CastApp> {
  const dicom = await startDicomService();
  const fhir = await startFhirServer();
  const fhirPort = await forward(fhir.port);
  const dicomPort = await forward(Number(new URL(dicom.url).port));
  const host = await startHostProcess({
    settings: {
      AzureWebJobsStorage: azurite.connectionString,
      DICOM_URL: `http://127.0.0.1:${dicomPort.port}`,
      FHIR_URL: fhir.url.replace(String(fhir.port), String(fhirPort.port)),
      PATIENT_ID_SYSTEM: 'urn:oid:1.2.3.4',
      CHANGE_FEED_SCHEDULE: NEVER,
      MARK_SWEEP_SCHEDULE: NEVER,
      RECONCILE_SWEEP_SCHEDULE: NEVER,
      BACK_OFF_BASE_SECONDS: '1',
      MAX_ATTEMPTS: '2',
      FHIR_TIMEOUT_SECONDS: '1',
      DICOM_TIMEOUT_SECONDS: '1',
      AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.100',
      AzureFunctionsJobHost__extensions__queues__visibilityTimeout: '00:00:01',
      AzureFunctionsJobHost__extensions__queues__maxDequeueCount: '4',
      ...settings,
    },
    commandLine,
    ...(appDirectory !== undefined && { appDirectory }),
  });
  const status = async (): Promise<Status> => (await host.http('/api/status')).json() as Status;
  return {
    host,
    dicom,
    fhir,
    fhirPort,
    dicomPort,
    status,
    async pull() {
      const before = dicom.latestSequence;
      await host.invoke('pull-change-feed');
      await eventually(async () => ((await status()).changeFeed.sequence === before ? true : undefined), 15_000);
    },
    async drained(timeoutMs = 20_000) {
      await eventually(async () => {
        const { queues } = await status();
        return Object.values(queues).every((depth) => depth === 0) ? true : undefined;
      }, timeoutMs);
    },
    async failedEntries(query = '') {
      const answer = await host.http(`/api/failed-entries${query}`);
      return (answer.json() as { readonly items: readonly ListedEntry[] }).items;
    },
    async tableRows(name) {
      const table = TableClient.fromConnectionString(azurite.connectionString, name, { allowInsecureConnection: true });
      const rows: Record<string, unknown>[] = [];
      for await (const row of table.listEntities()) if (!isSignKey(row.rowKey ?? '')) rows.push(row);
      return rows;
    },
    async stop() {
      await host.stop();
      await Promise.all([dicom.stop(), fhir.stop(), fhirPort.close(), dicomPort.close()]);
    },
  };
}

async function forward(target: number): Promise<ClosablePort> {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let port = 0;
  const open = async (): Promise<void> => {
    server = createServer((incoming) => {
      const outgoing = connect(target, '127.0.0.1');
      for (const socket of [incoming, outgoing]) {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          sockets.delete(socket);
          incoming.destroy();
          outgoing.destroy();
        });
      }
      incoming.pipe(outgoing);
      outgoing.pipe(incoming);
    });
    const listening = server;
    await new Promise<void>((resolve) => listening.listen(port, '127.0.0.1', resolve));
    port = (listening.address() as AddressInfo).port;
  };
  await open();
  return {
    get port() {
      return port;
    },
    open,
    async close() {
      const closing = server;
      server = undefined;
      if (closing === undefined) return;
      const closed = new Promise<void>((resolve) => closing.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
