import { once } from 'node:events';
import { createServer } from 'node:net';

/** A fixed port is taken. */
class PortBusy extends Error {
  readonly code = 'PortBusy';
  constructor(what: string, port: number, option: string) {
    super(`Port ${port} for ${what} is in use; choose another with ${option} N`);
    this.name = 'PortBusy';
  }
}

/** @throws PortBusy */
export async function onPort<T>(what: string, port: number, option: string, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE' || code === 'DicomPortInUse' || code === 'PortInUse')
      throw new PortBusy(what, port, option);
    throw error;
  }
}

/** @throws PortBusy when somebody listens there; 0 is any free port */
export async function checkPort(what: string, port: number, option: string): Promise<void> {
  if (port === 0) return;
  const server = createServer();
  await onPort(what, port, option, () => once(server.listen(port, '127.0.0.1'), 'listening'));
  server.close();
  await once(server, 'close');
}
