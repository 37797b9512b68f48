import type { MappingOptions } from './mapping/options';
import type { Settings } from './settings';

/** The place on Earth where the date is furthest on: UTC+14. */
const EARLIEST_ZONE_MS = 14 * 3_600_000;

/**
 * The options of the mapping, from the app settings.
 * @param now the clock: nobody is born after today, wherever today is furthest on
 */
export function mappingOptions(settings: Settings, now: () => Date = () => new Date()): MappingOptions {
  return {
    get today() {
      return new Date(now().getTime() + EARLIEST_ZONE_MS).toISOString().slice(0, 10);
    },
    validation: settings.VALIDATION,
    defaultTimeZone: settings.DEFAULT_TIME_ZONE,
    patientIdSystem: settings.PATIENT_ID_SYSTEM,
    issuerSystems: settings.ISSUER_SYSTEMS,
    issuerPrefix: settings.ISSUER_PREFIX,
    issuerDefaultSystem: settings.ISSUER_DEFAULT_SYSTEM,
    accessionSystem: settings.ACCESSION_SYSTEM,
    accession: settings.ACCESSION,
    patientIdTypeDefault: settings.PATIENT_ID_TYPE,
    otherPatientIdsSystem: settings.OTHER_PATIENT_IDS_SYSTEM,
    personIdSystem: settings.PERSON_ID_SYSTEM,
    studyIdIdentifier: settings.STUDY_ID_IDENTIFIER,
    encounter: settings.ENCOUNTER,
    missingPatientId: settings.MISSING_PATIENT_ID,
    demographics: settings.DEMOGRAPHICS,
    nameUse: settings.NAME_USE,
    otherPatientNames: settings.OTHER_PATIENT_NAMES,
    extendedDemographics: settings.EXTENDED_DEMOGRAPHICS,
    observations: settings.OBSERVATIONS,
    studyDescriptionAsNote: settings.STUDY_DESCRIPTION_AS_NOTE,
    imageTypeAsTitle: settings.IMAGE_TYPE_AS_TITLE,
    codeSystemBase: settings.CODE_SYSTEM_BASE,
    numberOfFramesExtension: settings.FRAMES_EXTENSION,
    imagingStudyProfiles: settings.IMAGING_STUDY_PROFILES,
  };
}
