import type { CastRun } from './castRun';
import type { Services } from './services';
import type { Stored } from './storeInstances';

/** What a run did, in figures. */
export interface Summary {
  readonly studies: number;
  readonly instances: number;
  readonly skipped: number;
  readonly fhir: {
    readonly resourcesWritten: Readonly<Record<string, number>>;
    readonly requests: number;
    readonly requestsByKind: Readonly<Record<string, number>>;
    readonly requestsPerStudy: number;
  };
  readonly dicom: { readonly requests: number };
  readonly failedEntries: { readonly total: number; readonly byReason: Readonly<Record<string, number>> };
  readonly changeFeed: unknown;
  readonly exampleStudy: string | undefined;
}

interface Status {
  readonly changeFeed: unknown;
  readonly failedEntries: Summary['failedEntries'];
}

/** Reads the figures after everything has been synced. */
export async function summarise(cast: CastRun, services: Services, stored: Stored | undefined): Promise<Summary> {
  const { changeFeed, failedEntries } = (await cast.call('GET', '/api/status')) as Status;
  const { figures } = cast;
  const studies = figures.sum('studies-synced');
  const requests = figures.sum('fhir-requests');
  return {
    studies,
    instances: figures.sum('instances-synced'),
    skipped: stored?.skipped.length ?? 0,
    fhir: {
      resourcesWritten: figures.by('resources-written', 'type'),
      requests,
      requestsByKind: figures.by('fhir-requests', 'kind'),
      requestsPerStudy: studies === 0 ? 0 : Math.round((requests / studies) * 100) / 100,
    },
    dicom: { requests: figures.sum('dicom-requests') },
    failedEntries,
    changeFeed,
    exampleStudy: services.dicom?.studies()[0]?.uid,
  };
}
