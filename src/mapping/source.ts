import type { Meta, Resource } from 'fhir/r4';
import { DEFAULT_PARTITION } from '../dicom/studyKey';

/** One DICOM service and partition: what a resource of ours was made from. */
export interface CastSource {
  /** Public DICOMweb base with version and partition, without a slash at its end. */
  readonly address: string;
}

/** System of the tag that marks what this project owns; the code is the address of the source. */
export const SOURCE_TAG_SYSTEM = 'urn:fhir-imaging-functions:cast-source';

/** System of the second tag of a study that somebody else had created; it is never deleted. */
export const ADOPTED_TAG_SYSTEM = 'urn:fhir-imaging-functions:cast-adopted';

/**
 * @param publicBaseUrl where users reach the DICOM service
 * @param version version segment of its path, such as `v2`; empty when there is none
 * @param partition partition name; the default one has a path of its own only where data partitions are enabled
 * @param partitioned whether data partitions are enabled
 */
export function castSource(publicBaseUrl: string, version: string, partition: string, partitioned = false): CastSource {
  const base = publicBaseUrl.replace(/\/+$/, '');
  const versioned = version === '' || base.endsWith(`/${version}`) ? base : `${base}/${version}`;
  if ((partition === DEFAULT_PARTITION && !partitioned) || partition === '') return { address: versioned };
  return { address: `${versioned}/partitions/${pathSegment(partition)}` };
}

/** @returns whether the resource carries the tag of exactly this source */
export function isOwnedBy(resource: Resource, source: CastSource): boolean {
  return hasTag(resource, SOURCE_TAG_SYSTEM, source.address);
}

/** @returns whether the resource carries the tag of any source, this one or another */
export function isOwnedByAnyCast(resource: Resource): boolean {
  return (resource.meta?.tag ?? []).some((tag) => tag.system === SOURCE_TAG_SYSTEM);
}

/** @returns whether the resource had been somebody else's before this source took it over */
export function isAdopted(resource: Resource, source: CastSource): boolean {
  return hasTag(resource, ADOPTED_TAG_SYSTEM, source.address);
}

/** @returns the meta of a new resource of ours; servers may rewrite `source`, the tag is what counts */
export function metaOf(source: CastSource): Meta {
  return { source: source.address, tag: [{ system: SOURCE_TAG_SYSTEM, code: source.address }] };
}

function hasTag(resource: Resource, system: string, code: string): boolean {
  return (resource.meta?.tag ?? []).some((tag) => tag.system === system && tag.code === code);
}

/** Percent-encodes what a path segment may not hold (RFC 3986 3.3), and nothing else. */
function pathSegment(text: string): string {
  return encodeURIComponent(text).replace(/%(?:2C|3B|3A|40|26|3D|2B|24)/g, decodeURIComponent);
}
