import { etagOfVersion } from './etag';

/** What a `location` says: absolute or relative `Type/id` or `Type/id/_history/version`. */
export interface ResourceLocation {
  readonly type: string;
  readonly id: string;
  readonly etag?: string;
}

const LOCATION = /(?:^|\/)([A-Z][A-Za-z]*)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/([A-Za-z0-9\-.]{1,64}))?\/?$/;

/** Reads a location, absolute or relative; undefined when it names no resource. */
export function readLocation(text: string | undefined): ResourceLocation | undefined {
  const [, type, id, version] = LOCATION.exec(text ?? '') ?? [];
  if (type === undefined || id === undefined) return undefined;
  return { type, id, ...(version !== undefined && { etag: etagOfVersion(version) }) };
}
