/** The weak ETag that FHIR makes of a version id (FHIR R4, http.html, "Managing Resource Contention"). */
export function etagOfVersion(versionId: string): string {
  return `W/"${versionId}"`;
}

/** The ETag in the form `W/"1"`; servers also write `"1"` and, in the entries of a transaction, `1`. undefined when it holds no version. */
export function normalisedEtag(text: string | undefined): string | undefined {
  const version = /^\s*(?:W\/)?"?([^"\s]+)"?\s*$/.exec(text ?? '')?.[1];
  return version === undefined ? undefined : etagOfVersion(version);
}
