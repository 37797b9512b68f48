import type { Resource } from 'fhir/r4';
import { etagOfVersion } from './etag';
import { FhirResourceInvalid } from './errors';

/** A resource as it was read, with what it takes to change exactly this version. */
export interface Found<T> {
  readonly resource: T;
  readonly id: string;
  /** `W/"version"`, for If-Match. */
  readonly etag: string;
}

/** @throws FhirResourceInvalid when there is no id or no version, blank ones included */
export function asFound<T extends Resource>(resource: T): Found<T> {
  const { resourceType, id, meta } = resource;
  if (!isToken(id)) throw new FhirResourceInvalid(resourceType, 'id');
  if (!isToken(meta?.versionId)) throw new FhirResourceInvalid(resourceType, 'versionId');
  return { resource, id, etag: etagOfVersion(meta.versionId) };
}

/** Text that can stand in a URL and between the quotes of an ETag. Resources are not checked any further than this. */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9\-._~]{1,128}$/.test(value) && !/^\.+$/.test(value);
}
