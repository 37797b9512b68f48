import type { Patient } from 'fhir/r4';
import type { PatientProjection } from './patientProjection';
import { metaOf, type CastSource } from './source';
import { BIRTH_TIME_EXTENSION, MOTHERS_MAIDEN_NAME_EXTENSION } from './systems';

export { projectPatient, type PatientProjection } from './patientProjection';
export { patientDifferences, reconcilePatient } from './reconcilePatient';

/** @returns a new Patient of ours */
export function newPatient(projection: PatientProjection, source: CastSource): Patient {
  const { names, gender, birthDate, birthTime, mothersMaidenName, phones, addresses } = projection;
  return {
    resourceType: 'Patient',
    meta: metaOf(source),
    ...(mothersMaidenName === undefined
      ? {}
      : { extension: [{ url: MOTHERS_MAIDEN_NAME_EXTENSION, valueString: mothersMaidenName }] }),
    identifier: [projection.identifier, ...projection.otherIdentifiers],
    ...(names.length === 0 ? {} : { name: [...names] }),
    ...(phones === undefined ? {} : { telecom: phones.map((value) => ({ system: 'phone', value })) }),
    ...(gender === undefined ? {} : { gender }),
    ...(birthDate === undefined ? {} : { birthDate }),
    ...(birthTime === undefined
      ? {}
      : { _birthDate: { extension: [{ url: BIRTH_TIME_EXTENSION, valueDateTime: birthTime }] } }),
    ...(addresses === undefined ? {} : { address: addresses.map((text) => ({ text })) }),
  };
}
