import type { Meta, Resource } from 'fhir/r4';

/** A resource as this server keeps it: never changed once stored. */
export type StoredResource = Resource & { readonly id: string; readonly meta: StoredMeta };
type StoredMeta = Meta & { readonly versionId: string; readonly lastUpdated: string };

export type JsonObject = Record<string, unknown>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The relative reference of a stored resource, e.g. `Patient/1`. */
export function referenceTo(resource: StoredResource): string {
  return `${resource.resourceType}/${resource.id}`;
}

/** The weak ETag of a version (FHIR http.html, section "Resource Metadata and Versioning"). */
export function etagOf(resource: StoredResource): string {
  return `W/"${resource.meta.versionId}"`;
}
