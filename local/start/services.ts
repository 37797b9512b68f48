import { type RunningAzurite, startAzurite } from '../azurite/azurite';
import { type DicomService, startDicomService } from '../dicom/dicomService';
import { type LocalFhirServer, startFhirServer } from '../fhir';
import type { StartOptions } from './commandLine';

/** The services that Cast works between, embedded or existing. */
export interface Services {
  readonly azurite: RunningAzurite;
  /** Undefined where an existing one is used. */
  readonly dicom: DicomService | undefined;
  readonly fhir: LocalFhirServer | undefined;
  readonly dicomUrl: string;
  readonly fhirUrl: string;
  stop(): Promise<void>;
}

/** A fixed port is taken. */
export class PortBusy extends Error {
  readonly code = 'PortBusy';
  constructor(what: string, port: number, option: string) {
    super(`Port ${port} for ${what} is in use; choose another with ${option} N`);
    this.name = 'PortBusy';
  }
}

/** @throws PortBusy; nothing is left running then */
export async function startServices(options: StartOptions): Promise<Services> {
  const azurite = await startAzurite();
  const stops: (() => Promise<void>)[] = [() => azurite.stop()];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    const { ports } = options;
    const dicom =
      options.dicomUrl === undefined
        ? await onPort('the DICOM service', ports.dicom, '--dicom-port', () => startDicomService({ port: ports.dicom }))
        : undefined;
    if (dicom !== undefined) stops.push(() => dicom.stop());
    const fhir =
      options.fhirUrl === undefined
        ? await onPort('the FHIR server', ports.fhir, '--fhir-port', () => startFhirServer({ port: ports.fhir }))
        : undefined;
    if (fhir !== undefined) stops.push(() => fhir.stop());
    return {
      azurite,
      dicom,
      fhir,
      dicomUrl: options.dicomUrl ?? dicom?.url ?? '',
      fhirUrl: options.fhirUrl ?? fhir?.url ?? '',
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
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
