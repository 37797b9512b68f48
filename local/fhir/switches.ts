/** Differences that real FHIR servers show. Each switch is one of them; a preset is a server's whole character. */
export interface FhirSwitches {
  /** Answer to an If-Match that names an older version, plain or in a transaction. */
  readonly staleIfMatchStatus: 412 | 409;
  /** An If-Match on an id without a current version: refused, accepted for ids never used, accepted always. */
  readonly ifMatchOnAbsent: 'refuse' | 'createsUnknown' | 'createsAny';
  /** `response.etag` in a transaction is `1` instead of `W/"1"`. The ETag header keeps its form. */
  readonly bareEtag: boolean;
  /** DELETE happens whatever its If-Match says. */
  readonly deleteIgnoresIfMatch: boolean;
  /** A PUT without If-Match on a deleted id creates the next version (201); otherwise it is refused with 410. */
  readonly putRevivesDeleted: boolean;
  /** `meta.source` is stored as `<value>#<request id>`. */
  readonly sourceSuffix: boolean;
  /** An update keeps the tags of the version before. */
  readonly stickyTags: boolean;
  /** An update that changes nothing keeps the version. */
  readonly noOpSameVersion: boolean;
  /** An unknown search parameter is a 400; otherwise it is ignored, as FHIR allows. */
  readonly refuseUnknownParameters: boolean;
  /**
   * `racy`: looks for matches, lets other requests run, then creates without a second look.
   * `conflicting`: looks again before it commits, and refuses with 409 when somebody was faster.
   */
  readonly conditionalCreate: ConditionalMode;
  /** The same for a conditional PUT. HAPI is racy here even where its conditional create is not. */
  readonly conditionalUpdate: ConditionalMode;
  /** How long a server that is not atomic waits between look and creation, in milliseconds. */
  readonly raceWindowMs: number;
  readonly deleteOfReferenced: 'refuse409' | 'allow';
  /** Literal references to other servers. */
  readonly externalReferences: 'allow' | 'refuse400';
  /** Search results are reused for so many milliseconds unless the request says `Cache-Control: no-cache`. */
  readonly searchCacheMs: number;
  /** Answer to the read of a deleted resource. */
  readonly deletedStatus: 410 | 404;
  readonly ids: 'uuid' | 'sequential';
  /** `precise`: issue codes of FHIR (`conflict`, `multiple-matches`); `hapi`: code `processing` and a text that says it. */
  readonly outcomeStyle: 'precise' | 'hapi';
  /** Whether resources are checked against the R4 definitions and the server's own rules. */
  readonly validation: boolean;
}

export type ConditionalMode = 'atomic' | 'racy' | 'conflicting';

export type PresetName = 'good' | 'hapi' | 'worst';

const good: FhirSwitches = {
  staleIfMatchStatus: 412,
  ifMatchOnAbsent: 'refuse',
  bareEtag: false,
  deleteIgnoresIfMatch: false,
  putRevivesDeleted: false,
  sourceSuffix: false,
  stickyTags: false,
  noOpSameVersion: true,
  refuseUnknownParameters: true,
  conditionalCreate: 'atomic',
  conditionalUpdate: 'atomic',
  raceWindowMs: 10,
  deleteOfReferenced: 'refuse409',
  externalReferences: 'allow',
  searchCacheMs: 0,
  deletedStatus: 410,
  ids: 'uuid',
  outcomeStyle: 'precise',
  validation: true,
};

const hapi: FhirSwitches = {
  ...good,
  staleIfMatchStatus: 409,
  ifMatchOnAbsent: 'createsUnknown',
  bareEtag: true,
  deleteIgnoresIfMatch: true,
  putRevivesDeleted: true,
  sourceSuffix: true,
  stickyTags: true,
  conditionalCreate: 'conflicting',
  conditionalUpdate: 'racy',
  raceWindowMs: 3,
  externalReferences: 'refuse400',
  searchCacheMs: 60_000,
  ids: 'sequential',
  outcomeStyle: 'hapi',
};

const worst: FhirSwitches = {
  ...hapi,
  ifMatchOnAbsent: 'createsAny',
  noOpSameVersion: false,
  refuseUnknownParameters: false,
  conditionalCreate: 'racy',
  raceWindowMs: 10,
  deleteOfReferenced: 'allow',
  deletedStatus: 404,
};

/** `good` keeps to the FHIR R4 text, `hapi` behaves as HAPI FHIR JPA 8.8 was seen to, `worst` combines every bad habit. */
export const presets: Readonly<Record<PresetName, FhirSwitches>> = { good, hapi, worst };

/** The switches of a preset with single ones changed; the default preset is `good`. */
export function resolveSwitches(
  switches: PresetName | (Partial<FhirSwitches> & { preset?: PresetName }) = {},
): FhirSwitches {
  if (typeof switches === 'string') {
    return presets[switches];
  }
  const { preset = 'good', ...changed } = switches;
  return { ...presets[preset], ...changed };
}
