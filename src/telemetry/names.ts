/**
 * Every metric, event and span that the app tells. Alerts, workbooks and other people's queries rest on these names,
 * so that one is never renamed; what is told and is not here does not compile.
 */

interface MetricDescription {
  /** count: how many since the last export, to be summed. distribution: sum, number, least and most. level: how it stands now. */
  readonly kind: 'count' | 'distribution' | 'level';
  readonly dimensions: readonly string[];
  readonly description: string;
}

export const metrics = {
  'entries-processed': { kind: 'count', dimensions: [], description: 'Change feed entries whose effect is in FHIR.' },
  'studies-synced': { kind: 'count', dimensions: [], description: 'Studies that were brought up to date.' },
  'instances-synced': { kind: 'count', dimensions: [], description: 'Valid live instances of these studies.' },
  'sync-duration-ms': { kind: 'distribution', dimensions: [], description: 'Time of a pass over one study.' },
  'resources-written': { kind: 'count', dimensions: ['type', 'change'], description: 'FHIR resources written.' },
  'entries-failed': {
    kind: 'count',
    dimensions: ['errorType', 'reason'],
    description: 'Changes, instances and studies filed as failed.',
  },
  'gave-up': { kind: 'count', dimensions: ['reason'], description: 'Studies whose attempts are used up.' },
  'studies-deferred': {
    kind: 'count',
    dimensions: ['reason'],
    description: 'Studies put off because a service is down or refuses our identity; no attempt is lost.',
  },
  'studies-postponed': {
    kind: 'count',
    dimensions: ['reason'],
    description: 'Attempts that failed for now; the study comes again.',
  },
  'warnings-not-filed': { kind: 'count', dimensions: [], description: 'Studies whose warnings could not be filed.' },
  'feed-pulls': {
    kind: 'count',
    dimensions: ['outcome', 'reason'],
    description: 'Runs of pull-change-feed by why they stopped; failed ones with the reason.',
  },
  'feed-entries': { kind: 'count', dimensions: [], description: 'Change feed entries handed to the queue.' },
  'feed-lag-entries': {
    kind: 'level',
    dimensions: [],
    description: 'Sequence numbers of the change feed that are not in the queue yet.',
  },
  'feed-lag-seconds': {
    kind: 'level',
    dimensions: [],
    description: 'Time between the last entry handed over and the latest one, by the clock of the DICOM service.',
  },
  'last-success-age-seconds': {
    kind: 'level',
    dimensions: [],
    description: 'Time since a run of pull-change-feed last ended without an error.',
  },
  'feed-reset-pending': {
    kind: 'level',
    dimensions: [],
    description: '1 while the change feed ends before the cursor and a person has to set it, else 0.',
  },
  'queue-depth': {
    kind: 'level',
    dimensions: ['queue'],
    description:
      'Messages in study-changes and the two poison queues, delayed ones included; one may be about several small studies.',
  },
  'fhir-requests': { kind: 'count', dimensions: ['kind'], description: 'Requests to the FHIR server.' },
  'payloads-listed': {
    kind: 'count',
    dimensions: ['tenantId', 'dsId'],
    description: 'Blobs that runs of Reconcile have listed.',
  },
  'payload-page-duration-ms': {
    kind: 'distribution',
    dimensions: ['tenantId', 'dsId'],
    description: 'Time of a page of a scan.',
  },
  'payloads-swept': {
    kind: 'count',
    dimensions: ['outcome', 'tenantId', 'dsId'],
    description: 'Candidates of runs that delete, by what became of them.',
  },
  'dicom-requests': { kind: 'count', dimensions: [], description: 'Requests to the DICOM service.' },
} as const satisfies Readonly<Record<string, MetricDescription>>;

export type MetricName = keyof typeof metrics;
export type DimensionOf<N extends MetricName> = (typeof metrics)[N]['dimensions'][number];

const failure = [
  'partition',
  'study',
  'seriesUid',
  'instanceUid',
  'sequence',
  'action',
  'errorType',
  'reason',
  'message',
  'suggestedFix',
  'httpStatus',
  'failureCount',
  'firstFailedAt',
  'lastFailedAt',
  'operationId',
  'rowKey',
] as const;

interface EventDescription {
  /** All that it may carry; what is unknown is left out. */
  readonly properties: readonly string[];
  readonly description: string;
}

export const events = {
  'entry-failed': { properties: failure, description: 'A change, instance or study was filed as failed.' },
  'gave-up': { properties: [...failure, 'attempts'], description: 'The attempts of a study are used up.' },
  'validation-warning': {
    properties: ['partition', 'study', 'seriesUid', 'instanceUid', 'keyword', 'tag', 'problem', 'operationId'],
    description: 'An invalid optional attribute was left out.',
  },
  'dependency-down': {
    properties: ['dependency', 'reason', 'message', 'suggestedFix', 'since'],
    description: 'A service is down, or refuses our identity (reason AccessDenied).',
  },
  'dependency-back': { properties: ['dependency', 'since', 'downForMs'], description: 'That service works again.' },
  'feed-reset': {
    properties: ['cursor', 'latest'],
    description: 'The change feed ends before the cursor: a person has to set it.',
  },
  'feed-entry-unreadable': { properties: ['sequence'], description: 'An entry of the change feed cannot be read.' },
  'study-remark': {
    properties: ['study', 'partition', 'keyword', 'problem'],
    description: 'The instances of a study contradict each other.',
  },
  'patient-differs': {
    properties: ['study', 'partition', 'elements'],
    description: 'Elements of the Patient that DICOM says otherwise; their names only.',
  },
  'reconcile-ended': {
    properties: ['runId', 'state', 'tenantId', 'dsId', 'mode', 'code'],
    description: 'A run of Reconcile has ended.',
  },
  'reconcile-stopped-by-guard': {
    properties: ['runId', 'state', 'tenantId', 'dsId', 'mode', 'guard'],
    description: 'A guard ended a run of Reconcile before it deleted, or before it deleted more.',
  },
  'mark-swept': { properties: ['study'], description: 'A pass died; its study is looked at again.' },
} as const satisfies Readonly<Record<string, EventDescription>>;

export type EventName = keyof typeof events;

/** Spans of Cast: a round of the feed, a study, and the requests under them. */
export type SpanName = 'feed-round' | 'sync-study' | 'dicom-request' | `fhir-${string}`;
