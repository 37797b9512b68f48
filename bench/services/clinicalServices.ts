import type { IncomingMessage } from 'node:http';
import type { Endpoint, ImagingStudy } from 'fhir/r4';
import { type DicomService, startDicomService } from '../../local/dicom/dicomService';
import { type LocalFhirServer, startFhirServer } from '../../local/fhir';
import { feedShape } from '../cast/feedShapes';
import { serveParent } from '../processes/serveParent';
import { answerBytes } from './answerBytes';
import { holdRequests, type ServiceCounts } from './holdRequests';

/** The embedded DICOM service and FHIR server, in a process of their own. */

interface Running {
  readonly dicom: DicomService;
  readonly fhir: LocalFhirServer;
}

let running: Running | undefined;

const hold = holdRequests(
  (port, request) => (running?.fhir.port === port ? 'fhir' : isFeed(request) ? 'feed' : 'dicom'),
  answerBytes,
);

function isFeed({ url = '' }: IncomingMessage): boolean {
  return url.includes('/changefeed');
}

function services(): Running {
  if (running === undefined) throw new Error('The services have not been started');
  return running;
}

const operations = {
  /** Empty services, in place of those of before. */
  async start(_input: undefined): Promise<{ readonly dicomUrl: string; readonly fhirUrl: string }> {
    await Promise.all([running?.dicom.stop(), running?.fhir.stop()]);
    running = { dicom: await startDicomService(), fhir: await startFhirServer() };
    hold.setLatencyMs(0);
    hold.takeCounts();
    return { dicomUrl: running.dicom.url, fhirUrl: running.fhir.url };
  },
  /**
   * Empties both, at the same addresses, for a client that goes on: the feed continues behind its cursor, and the Endpoint that Cast ensures
   * once per process stays.
   */
  async empty(_input: undefined): Promise<void> {
    const { dicom, fhir } = services();
    const endpoints = fhir.all<Endpoint>('Endpoint');
    await Promise.all([dicom.stop(), fhir.stop()]);
    running = {
      dicom: await startDicomService({ port: Number(new URL(dicom.url).port) }),
      fhir: await startFhirServer({ port: fhir.port }),
    };
    running.dicom.skipSequences(dicom.latestSequence);
    for (const endpoint of endpoints) running.fhir.put(endpoint);
  },
  /** Lets a step of a shape happen in the DICOM service. @returns the latest sequence of the feed */
  step({ shape, scale, step }: { readonly shape: string; readonly scale: number; readonly step: number }): number {
    const { dicom } = services();
    feedShape(shape, scale).steps[step]?.happen(dicom);
    return dicom.latestSequence;
  },
  latestSequence(_input: undefined): number {
    return services().dicom.latestSequence;
  },
  setLatencyMs(latencyMs: number): void {
    hold.setLatencyMs(latencyMs);
  },
  takeCounts(_input: undefined): ServiceCounts {
    return hold.takeCounts();
  },
  /** Studies and instances as both sides see them: a contestant that has not done its work has won nothing. */
  compare(_input: undefined): { readonly dicom: StudyCount; readonly fhir: StudyCount; readonly writes: number } {
    const { dicom, fhir } = services();
    const studies = fhir.all<ImagingStudy>('ImagingStudy');
    const live = dicom.studies();
    return {
      dicom: {
        studies: live.length,
        instances: live.reduce((sum, { partition, uid }) => sum + dicom.liveInstances(partition, uid).length, 0),
      },
      fhir: {
        studies: studies.length,
        instances: studies
          .flatMap(({ series = [] }) => series)
          .reduce((sum, { instance = [] }) => sum + instance.length, 0),
      },
      writes: fhir.writes,
    };
  },
};

interface StudyCount {
  readonly studies: number;
  readonly instances: number;
}

export type ClinicalServices = typeof operations;

serveParent(operations);
