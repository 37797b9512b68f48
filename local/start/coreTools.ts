import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { NotReady } from './notReady';
import type { Services } from './services';

/**
 * Runs the built app on the Azure Functions Core Tools (`func start`) between the services until it ends or the signal comes.
 * @throws NotReady when the Core Tools are not installed
 */
export async function runOnCoreTools(
  appDirectory: string,
  services: Services,
  settings: Readonly<Record<string, string>>,
  port: number,
  signal: AbortSignal,
): Promise<void> {
  const child = spawn('func', ['start', '--port', String(port === 0 ? 7071 : port)], {
    cwd: appDirectory,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: {
      ...process.env,
      AzureWebJobsStorage: services.azurite.connectionString,
      DICOM_URL: services.dicomUrl,
      FHIR_URL: services.fhirUrl,
      ...settings,
    },
  });
  const stop = (): void => {
    child.kill('SIGINT');
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    await once(child, 'exit');
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT') {
      throw new NotReady('func was not found: install the Azure Functions Core Tools v4, or use npm start');
    }
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
