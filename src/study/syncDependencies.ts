import type { Breakers } from '../failures/breaker';
import type { StudyPasses } from '../failures/studyPass';
import type { PassDependencies } from './pass';
import type { StudyQueue } from './studyQueue';
import type { SyncOptions } from './syncOptions';
import type { SyncReporter } from './syncReporter';

/** What bringing studies up to date needs, beside the comparison of each. */
export interface SyncDependencies extends PassDependencies {
  readonly passes: StudyPasses;
  readonly queue: StudyQueue;
  readonly breakers: Breakers;
  /** Asks a service whether it works, independently of the study: throws when it does not. */
  readonly probe: (dependency: 'dicom' | 'fhir', signal: AbortSignal) => Promise<void>;
  readonly reporter: SyncReporter;
  readonly options: SyncOptions;
  readonly random?: () => number;
  readonly now?: () => Date;
}
