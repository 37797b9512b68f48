import type { StudyKey } from '../dicom/studyKey';
import type { Dependency } from './classify';
import type { FailedEntryInput } from './failedEntry';
import type { ReasonCode } from './errorTypes';
import type { ValidationWarning } from './warnings';

/** A change (or an instance, or a whole study) that is not in FHIR and now has a row in FailedEntries. */
interface EntryFailed extends Omit<FailedEntryInput, 'rowKey'> {
  /** Unknown for an entry of the change feed, or a message, that cannot be read. */
  readonly study?: StudyKey | undefined;
}

/** A transient failure that did not go away: all attempts are used up. */
interface GaveUp extends EntryFailed {
  readonly attempts: number;
}

interface DependencyDown {
  readonly dependency: Dependency;
  readonly reason: ReasonCode;
  readonly message: string;
  readonly suggestedFix?: string | undefined;
  /** ISO 8601, UTC. */
  readonly since: string;
}

interface DependencyBack {
  readonly dependency: Dependency;
  readonly since: string;
  readonly downForMs: number;
}

/** The change feed ends before the cursor: the DICOM service was replaced, or restored from a backup. Nothing is pulled until a person has set the cursor. */
interface FeedReset {
  readonly cursor: number;
  readonly latest: number;
}

/**
 * Where people learn that something needs them. Implement it for a channel of your own (NOTIFIER_MODULE).
 * No event holds patient data: studies, series, instances and change-feed sequences only.
 */
export interface FailureNotifier {
  entryFailed(event: EntryFailed): Promise<void>;
  warning(event: ValidationWarning): Promise<void>;
  gaveUp(event: GaveUp): Promise<void>;
  dependencyDown(event: DependencyDown): Promise<void>;
  dependencyBack(event: DependencyBack): Promise<void>;
  feedReset(event: FeedReset): Promise<void>;
}

/** Every event under its kind, for notifiers that treat all alike. */
export interface FailureEvents {
  readonly entryFailed: EntryFailed;
  readonly warning: ValidationWarning;
  readonly gaveUp: GaveUp;
  readonly dependencyDown: DependencyDown;
  readonly dependencyBack: DependencyBack;
  readonly feedReset: FeedReset;
}
export type FailureEventKind = keyof FailureEvents;

export const failureEventKinds: readonly FailureEventKind[] = [
  'entryFailed',
  'warning',
  'gaveUp',
  'dependencyDown',
  'dependencyBack',
  'feedReset',
];

/** A notifier from one function that takes every kind of event. */
export function notifierOf(
  notify: <K extends FailureEventKind>(kind: K, event: FailureEvents[K]) => Promise<void>,
): FailureNotifier {
  return {
    entryFailed: (event) => notify('entryFailed', event),
    warning: (event) => notify('warning', event),
    gaveUp: (event) => notify('gaveUp', event),
    dependencyDown: (event) => notify('dependencyDown', event),
    dependencyBack: (event) => notify('dependencyBack', event),
    feedReset: (event) => notify('feedReset', event),
  };
}

/** The event as flat properties, the study as `partition` and `study`. */
export function flatEvent(
  event: FailureEvents[FailureEventKind],
): Readonly<Record<string, string | number | undefined>> {
  const { study, ...rest } = { study: undefined, ...event };
  return study === undefined ? rest : { partition: study.partition, study: study.uid, ...rest };
}
