import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../support/freePort';

/** An Orthanc with its DICOMweb plug-in, in a process and a folder of its own. */
export interface OrthancServer {
  readonly url: string;
  /** Stores a DICOM file. */
  store(file: Uint8Array): Promise<void>;
  stop(): Promise<void>;
}

const PLUGIN = '/usr/share/orthanc/plugins/libOrthancDicomWeb.so';

/** Orthanc is not installed. */
export class OrthancMissing extends Error {
  readonly code = 'OrthancMissing';
}

/** @throws OrthancMissing */
export async function startOrthanc(): Promise<OrthancServer> {
  if (!existsSync(PLUGIN)) throw new OrthancMissing('Orthanc was not found: apt-get install orthanc orthanc-dicomweb');
  const folder = mkdtempSync(join(tmpdir(), 'orthanc-'));
  const port = await freePort();
  const configuration = {
    Name: 'peer',
    StorageDirectory: folder,
    IndexDirectory: folder,
    HttpPort: port,
    DicomServerEnabled: false,
    // Orthanc listens on all addresses: only this machine may ask.
    RemoteAccessAllowed: false,
    AuthenticationEnabled: false,
    Plugins: [PLUGIN],
    DicomWeb: { Enable: true, Root: '/dicom-web/', EnableMetadataCache: false },
  };
  writeFileSync(join(folder, 'orthanc.json'), JSON.stringify(configuration));
  const child = spawn('Orthanc', [join(folder, 'orthanc.json')], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    if (await answers(`${url}/system`)) break;
    if (tries > 100 || child.exitCode !== null) throw new Error('Orthanc does not start');
    await sleep(100);
  }
  return {
    url,
    async store(file) {
      const response = await fetch(`${url}/instances`, {
        method: 'POST',
        body: Buffer.from(file),
        headers: { 'content-type': 'application/dicom' },
      });
      if (!response.ok) throw new Error(`Orthanc refuses the file: ${response.status}`);
    },
    async stop() {
      if (child.exitCode === null) {
        child.kill();
        await once(child, 'exit');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
