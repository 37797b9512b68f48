/** The characters of a container's name (Azure: naming and referencing containers). */
export const CONTAINER_NAME_RULE =
  '3 to 63 lower-case letters, digits and single hyphens, with a letter or digit at both ends';

export function isContainerName(name: string): boolean {
  return name.length >= 3 && name.length <= 63 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name);
}

/** The name that the FHIR server takes when its configuration has none. */
export function defaultContainerName(tenantId: string, dsId: string): string {
  return `${tenantId.toLowerCase()}-${dsId.toLowerCase()}`;
}
