import type { CodeableConcept, Identifier } from 'fhir/r4';
import { uidIdentifier } from '../identifiers';
import { DCM_SYSTEM } from '../systems';

/** Identifier types of the HL7 guide "Radiation Dose Summary" 1.0.0; its patterns contain the displays. */
const DOSE_IDENTIFIER_TYPE_SYSTEM = 'http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type';
export const SOP_INSTANCE_UID = 'sop-instance-uid';
export const IRRADIATION_EVENT_UID = 'irradiation-event-uid';
const STUDY_INSTANCE_UID = 'study-instance-uid';

/** System of identifiers that tell the planes of one biplane event apart: they share the event's UID. */
export const PLANE_SYSTEM = 'urn:fhir-imaging-functions:irradiation-event-plane';

/** @returns the identifier of the report that an Observation comes from */
export function reportIdentifier(instanceUid: string): Identifier {
  return { type: uidType(SOP_INSTANCE_UID, 'SOP Instance UID'), ...uidIdentifier(instanceUid) };
}

/** @returns the identifier by which all Observations of a study are found, whatever became of the ImagingStudy */
export function doseStudyIdentifier(studyUid: string): Identifier {
  const { coding = [] } = uidType(STUDY_INSTANCE_UID, 'Study Instance UID');
  const dicom = { system: DCM_SYSTEM, code: '110180', display: 'Study Instance UID' };
  return { type: { coding: [...coding, dicom] }, ...uidIdentifier(studyUid) };
}

/** @returns the identifier of an irradiation event or an administration of a radiopharmaceutical */
export function eventIdentifier(eventUid: string): Identifier {
  return { type: uidType(IRRADIATION_EVENT_UID, 'Irradiation Event UID'), ...uidIdentifier(eventUid) };
}

/** @returns what tells one plane of an event from the other */
export function planeIdentifier(eventUid: string, plane: string): Identifier {
  return { system: PLANE_SYSTEM, value: `${eventUid}/${plane}` };
}

/** @returns the code of an identifier's type in the guide's system */
export function uidTypeOf({ type }: Identifier): string | undefined {
  return type?.coding?.find(({ system }) => system === DOSE_IDENTIFIER_TYPE_SYSTEM)?.code;
}

function uidType(code: string, display: string): CodeableConcept {
  return { coding: [{ system: DOSE_IDENTIFIER_TYPE_SYSTEM, code, display }] };
}
