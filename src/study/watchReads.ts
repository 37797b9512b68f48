import type { Resource } from 'fhir/r4';
import type { FhirClient, Found } from '../fhir/client';
import type { PassDependencies } from './pass';

/** The same, noting every resource that a pass reads: a later refusal may repeat what it holds. */
export function watchReads<T extends PassDependencies>(deps: T, seen: Resource[]): T {
  const noted = <R extends Resource>(found: readonly Found<R>[]): readonly Found<R>[] => {
    seen.push(...found.map(({ resource }) => resource));
    return found;
  };
  const fhir: FhirClient = {
    ...deps.fhir,
    search: async (...request) => noted(await deps.fhir.search(...request)),
  };
  const patients: PassDependencies['patients'] = {
    ...deps.patients,
    find: async (...request) => {
      const choice = await deps.patients.find(...request);
      noted(choice.keep === undefined ? choice.lose : [choice.keep, ...choice.lose]);
      return choice;
    },
  };
  return { ...deps, fhir, patients };
}
