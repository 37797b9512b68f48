import { type RunningAzurite, startAzurite } from '../azurite/azurite';
import { type DicomService, startDicomService } from '../dicom/dicomService';
import { type LocalFhirServer, startFhirServer } from '../fhir';
import type { StartOptions } from './commandLine';
import { onPort } from './ports';

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
