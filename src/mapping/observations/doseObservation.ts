import type { CodeableConcept, Coding, Identifier, Observation, Reference } from 'fhir/r4';
import { metaOf } from '../source';
import { DCM_SYSTEM, LOINC_SYSTEM, OBSERVATION_CATEGORY_SYSTEM } from '../systems';
import { doseStudyIdentifier } from './doseIdentifiers';
import type { ObservationReferences } from './observationProjection';

/** What tells a summary; the HL7 guide's pattern contains this display, and validators compare it. */
export const SUMMARY_CODE: Coding = {
  system: LOINC_SYSTEM,
  code: '73569-6',
  display: 'Radiation exposure and protection information [Description] Document Diagnostic imaging',
};

/** What tells an irradiation event. */
export const EVENT_CODE: Coding = { system: DCM_SYSTEM, code: '113852', display: 'Irradiation Event' };

const CATEGORY: CodeableConcept = {
  coding: [{ system: OBSERVATION_CATEGORY_SYSTEM, code: 'imaging' }],
};

/** The elements that all dose Observations have in common. */
export function doseObservation(
  identifier: readonly Identifier[],
  status: Observation['status'],
  code: CodeableConcept,
  studyUid: string,
  { subject, study, source }: ObservationReferences,
): Observation {
  const partOf: Reference = { ...study, identifier: doseStudyIdentifier(studyUid) };
  return {
    resourceType: 'Observation',
    meta: metaOf(source),
    identifier: [...identifier],
    partOf: [partOf],
    status,
    category: [CATEGORY],
    code,
    subject,
  };
}
