/** Absolute URIs of the code and identifier systems that the mapping writes. */
export const DCM_SYSTEM = 'http://dicom.nema.org/resources/ontology/DCM';
export const SNOMED_SYSTEM = 'http://snomed.info/sct';
export const LOINC_SYSTEM = 'http://loinc.org';
export const UCUM_SYSTEM = 'http://unitsofmeasure.org';
export const DICOM_UID_SYSTEM = 'urn:dicom:uid';
export const URI_SYSTEM = 'urn:ietf:rfc:3986';
export const IDENTIFIER_TYPE_SYSTEM = 'http://terminology.hl7.org/CodeSystem/v2-0203';
export const PARTICIPATION_TYPE_SYSTEM = 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType';
export const OBSERVATION_CATEGORY_SYSTEM = 'http://terminology.hl7.org/CodeSystem/observation-category';
export const DATA_ABSENT_REASON_EXTENSION = 'http://hl7.org/fhir/StructureDefinition/data-absent-reason';
export const NAME_REPRESENTATION_EXTENSION = 'http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation';
export const NAME_QUALIFIER_EXTENSION = 'http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier';
/** IHE RAD MADO 1.0.0 (Manifest-based Access to DICOM Objects). */
export const MADO_NUMBER_OF_FRAMES_EXTENSION =
  'https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoNumberOfFrames';
export const MADO_RETRIEVE_LOCATION_EXTENSION =
  'https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoRetrieveLocationUIDExtension';
export const MOTHERS_MAIDEN_NAME_EXTENSION = 'http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName';
export const BIRTH_TIME_EXTENSION = 'http://hl7.org/fhir/StructureDefinition/patient-birthTime';
