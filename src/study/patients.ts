import type { ImagingStudy, Observation, Patient } from 'fhir/r4';
import type { FhirClient, Found } from '../fhir/client';
import { FhirResourceInvalid } from '../fhir/errors';
import type { PatientProjection } from '../mapping/patient';
import { choosePatient, type Choice, replacedBy } from './candidates';
import { searchByIdentifier } from './searchByIdentifier';
import type { Sources } from './sources';

/** How many replaced-by links are followed before they count as a loop. */
const MAX_MERGES = 5;

export interface Patients {
  /**
   * Finds the Patient by identifier only, never by name; of a merged record the surviving one.
   * @throws MultipleMatches when others made several
   */
  find(projection: PatientProjection, signal: AbortSignal): Promise<Choice<Patient>>;
  /**
   * Deletes Patients of ours that lost a race, as far as nothing refers to them.
   * @returns the studies that refer to one: they have to be looked at again, and move to the one that was kept
   */
  removeSpare(lose: readonly Found<Patient>[], signal: AbortSignal): Promise<readonly ImagingStudy[]>;
}

/** Patients on a FHIR server (design 1, rule 4; mapping of merged records: R4 Patient.link). */
export function patients(fhir: FhirClient, sources: Sources): Patients {
  async function survivor(patient: Found<Patient>, signal: AbortSignal): Promise<Found<Patient>> {
    let current = patient;
    for (let merges = 0; merges < MAX_MERGES; merges++) {
      const id = replacedBy(current.resource);
      if (id === undefined) return current;
      const [next] = await fhir.search<Patient>('Patient', [['_id', id]], signal);
      if (next === undefined) return current;
      current = next;
    }
    throw new FhirResourceInvalid('Patient', 'link', 'its replaced-by links form a loop');
  }

  async function referring(patientId: string, signal: AbortSignal): Promise<readonly ImagingStudy[]> {
    const found = await fhir.search<ImagingStudy>('ImagingStudy', [['subject', `Patient/${patientId}`]], signal);
    return found.map(({ resource }) => resource);
  }

  async function observed(patientId: string, signal: AbortSignal): Promise<boolean> {
    const found = await fhir.search<Observation>('Observation', [['subject', `Patient/${patientId}`]], signal);
    return found.length > 0;
  }

  return {
    async find(projection, signal) {
      const choice = choosePatient(
        await searchByIdentifier<Patient>(fhir, 'Patient', projection.identifier, signal),
        sources,
      );
      if (choice.keep === undefined) return choice;
      const keep = await survivor(choice.keep, signal);
      return { ...choice, keep, lose: choice.lose.filter(({ id }) => id !== keep.id) };
    },
    async removeSpare(lose, signal) {
      const studies: ImagingStudy[] = [];
      for (const spare of lose) {
        const before = await referring(spare.id, signal);
        studies.push(...before);
        if (before.length > 0 || (await observed(spare.id, signal))) continue;
        await fhir.delete('Patient', spare.id, spare.etag, signal);
        // Not every server refuses to delete what is referred to: a study written meanwhile is told to move.
        studies.push(...(await referring(spare.id, signal)));
      }
      return studies;
    },
  };
}
