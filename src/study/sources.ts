import type { Resource } from 'fhir/r4';
import { DEFAULT_PARTITION } from '../dicom/studyKey';
import { type CastSource, castSource, SOURCE_TAG_SYSTEM } from '../mapping/source';

/** The sources of this installation: one for each partition of its DICOM service. */
export interface Sources {
  of(partition: string): CastSource;
  /** The partition from which this installation made the resource; undefined when it did not make it. */
  partitionOf(resource: Resource): string | undefined;
}

/**
 * @param publicBaseUrl base URL of the DICOM service as it is published, without version
 * @param partitioned whether data partitions are enabled
 */
export function sources(publicBaseUrl: string, version: string, partitioned = false): Sources {
  const base = castSource(publicBaseUrl, version, DEFAULT_PARTITION).address;
  const marker = `${base}/partitions/`;
  return {
    of: (partition) => castSource(publicBaseUrl, version, partition, partitioned),
    partitionOf(resource) {
      const addresses = (resource.meta?.tag ?? []).flatMap(({ system, code }) =>
        system === SOURCE_TAG_SYSTEM && code !== undefined ? [code] : [],
      );
      if (addresses.includes(base)) return DEFAULT_PARTITION;
      const address = addresses.find((text) => text.startsWith(marker));
      return address === undefined ? undefined : decoded(address.slice(marker.length));
    },
  };
}

/** Anybody can write a tag: one that is no address of ours names no partition. */
function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
