/** What a request asks for, in the words of the DICOMweb transactions and of the service's own APIs. */
export type RequestKind =
  | 'changeFeed'
  | 'changeFeedLatest'
  | 'store'
  | 'searchStudies'
  | 'searchSeries'
  | 'searchInstances'
  | 'studyMetadata'
  | 'seriesMetadata'
  | 'instanceMetadata'
  | 'deleteStudy'
  | 'deleteSeries'
  | 'deleteInstance'
  | 'bulkUpdate'
  | 'operation'
  | 'partitions'
  | 'unknown';

export interface Route {
  readonly kind: RequestKind;
  readonly version: string;
  /** undefined: the path names none. */
  readonly partition?: string;
  readonly studyUid?: string;
  readonly seriesUid?: string;
  readonly instanceUid?: string;
  readonly operationId?: string;
}

const API_VERSIONS = ['v1.0-prerelease', 'v1', 'v2'] as const;

const PATTERNS: readonly (readonly [method: string, pattern: RegExp, kind: RequestKind])[] = [
  ['GET', /^changefeed$/, 'changeFeed'],
  ['GET', /^changefeed\/latest$/, 'changeFeedLatest'],
  ['GET', /^partitions$/, 'partitions'],
  ['GET', /^operations\/(?<operationId>[^/]+)$/, 'operation'],
  ['POST', /^studies\/\$bulkUpdate$/i, 'bulkUpdate'],
  ['POST', /^studies(\/(?<studyUid>[^/]+))?$/, 'store'],
  ['GET', /^studies$/, 'searchStudies'],
  ['GET', /^(studies\/(?<studyUid>[^/]+)\/)?series$/, 'searchSeries'],
  ['GET', /^(studies\/(?<studyUid>[^/]+)\/(series\/(?<seriesUid>[^/]+)\/)?)?instances$/, 'searchInstances'],
  ['GET', /^studies\/(?<studyUid>[^/]+)\/metadata$/, 'studyMetadata'],
  ['GET', /^studies\/(?<studyUid>[^/]+)\/series\/(?<seriesUid>[^/]+)\/metadata$/, 'seriesMetadata'],
  [
    'GET',
    /^studies\/(?<studyUid>[^/]+)\/series\/(?<seriesUid>[^/]+)\/instances\/(?<instanceUid>[^/]+)\/metadata$/,
    'instanceMetadata',
  ],
  ['DELETE', /^studies\/(?<studyUid>[^/]+)$/, 'deleteStudy'],
  ['DELETE', /^studies\/(?<studyUid>[^/]+)\/series\/(?<seriesUid>[^/]+)$/, 'deleteSeries'],
  [
    'DELETE',
    /^studies\/(?<studyUid>[^/]+)\/series\/(?<seriesUid>[^/]+)\/instances\/(?<instanceUid>[^/]+)$/,
    'deleteInstance',
  ],
];

/** Resources that exist once for the whole service, never below a partition. */
const CROSS_PARTITION: ReadonlySet<RequestKind> = new Set(['changeFeed', 'changeFeedLatest', 'partitions']);

/** Finds what a path asks for: `/{version}[/partitions/{name}]/...`; `unknown` when the service has no such resource. */
export function routeOf(method: string, path: string): Route {
  const [version = '', ...segments] = path.split('/').filter((segment) => segment !== '');
  const unknown: Route = { kind: 'unknown', version };
  if (!(API_VERSIONS as readonly string[]).includes(version)) return unknown;
  const decoded = segments.map(decodeSegment);
  if (decoded.some((segment) => segment.includes('/'))) return unknown;
  const inPartition = decoded[0]?.toLowerCase() === 'partitions' && decoded.length > 2;
  const rest = (inPartition ? decoded.slice(2) : decoded).join('/');
  for (const [expectedMethod, pattern, kind] of PATTERNS) {
    if (expectedMethod !== method || (inPartition && CROSS_PARTITION.has(kind))) continue;
    const match = pattern.exec(rest);
    if (match === null) continue;
    return { kind, version, ...(inPartition ? { partition: decoded[1] ?? '' } : {}), ...match.groups };
  }
  return unknown;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
