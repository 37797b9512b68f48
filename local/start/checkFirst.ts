import { once } from 'node:events';
import { connect } from 'node:net';
import { checkFolder } from '../dicom/readFolder';
import { readLocalSettings } from '../host/appSettings';
import { readSettings } from '../../src/settings';
import type { StartOptions } from './commandLine';
import { NotReady } from './notReady';
import { checkPort } from './ports';

/**
 * What can be known to be wrong before services are started and filled.
 * @throws FolderNotFound, PortBusy, SettingsError, HostStartError or NotReady
 */
export async function checkFirst(
  options: StartOptions,
  appDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const { dicomFolder, ports, dicomUrl, fhirUrl } = options;
  if (dicomFolder !== undefined) await checkFolder(dicomFolder);
  await checkPort('the functions', ports.functions, '--port');
  if (dicomUrl === undefined) await checkPort('the DICOM service', ports.dicom, '--dicom-port');
  if (fhirUrl === undefined) await checkPort('the FHIR server', ports.fhir, '--fhir-port');
  // The Core Tools read them themselves, encrypted ones too.
  if (!options.coreTools) {
    const { values } = await readLocalSettings(appDirectory);
    const replaced = { DICOM_URL: dicomUrl ?? NOWHERE, FHIR_URL: fhirUrl ?? NOWHERE, CHANGE_FEED_SCHEDULE: undefined };
    readSettings({ ...values, ...environment, ...replaced });
  }
  if (dicomUrl !== undefined) await checkReachable('dicom: The DICOM service', dicomUrl);
  if (fhirUrl !== undefined) await checkReachable('fhir: The FHIR server', fhirUrl);
}

/** In place of the address of an embedded service, which has none yet. */
const NOWHERE = 'http://127.0.0.1';

const CONNECTION_TIMEOUT_MS = 5000;

/** Whether anybody listens there; whether it is what it should be, the health check of the functions tells. */
async function checkReachable(name: string, url: string): Promise<void> {
  const { hostname, port, protocol } = new URL(url);
  const socket = connect({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECTION_TIMEOUT_MS) });
  } catch {
    throw new NotReady(`${name} cannot be reached at ${new URL(url).host}`);
  } finally {
    socket.destroy();
  }
}
