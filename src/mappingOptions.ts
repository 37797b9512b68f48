import type { MappingOptions } from './mapping/options';
import { MADO_NUMBER_OF_FRAMES_EXTENSION } from './mapping/systems';
import type { Settings } from './settings';

/** The place on Earth where the date is furthest on: UTC+14. */
const EARLIEST_ZONE_MS = 14 * 3_600_000;

/**
 * The options of the mapping, from the app settings.
 * @param now the clock: nobody is born after today, wherever today is furthest on
 */
export function mappingOptions(settings: Settings, now: () => Date = () => new Date()): MappingOptions {
  const dayAt = dayTexts();
  return {
    get today() {
      return dayAt(now().getTime() + EARLIEST_ZONE_MS);
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
    phantoms: settings.PHANTOMS,
    nameUse: settings.NAME_USE,
    middleNameQualifier: settings.MIDDLE_NAME_QUALIFIER,
    flagMojibake: settings.FLAG_MOJIBAKE,
    otherPatientNames: settings.OTHER_PATIENT_NAMES,
    extendedDemographics: settings.EXTENDED_DEMOGRAPHICS,
    observations: settings.OBSERVATIONS,
    doseSummaryProfile: settings.DOSE_SUMMARY_PROFILE,
    heightAndWeight: settings.HEIGHT_AND_WEIGHT,
    orderLookup: settings.ORDER_LOOKUP,
    studyDescriptionAsNote: settings.STUDY_DESCRIPTION_AS_NOTE,
    dicomCastCleanup: settings.DICOM_CAST_CLEANUP,
    imageTypeAsTitle: settings.IMAGE_TYPE_AS_TITLE,
    codeSystemBase: settings.CODE_SYSTEM_BASE,
    codedBodySitesOnly: settings.CODED_BODY_SITES_ONLY,
    numberOfFramesExtension:
      settings.FRAMES_EXTENSION ??
      (settings.RETRIEVE_LOCATION_UID === undefined ? undefined : MADO_NUMBER_OF_FRAMES_EXTENSION),
    retrieveLocationUid: settings.RETRIEVE_LOCATION_UID,
    imagingStudyProfiles: settings.IMAGING_STUDY_PROFILES,
  };
}

const DAY_MS = 24 * 3_600_000;

/** @returns what gives the day of a time as text; made once for each day, because each patient that is read asks for it */
function dayTexts(): (timeMs: number) => string {
  let day = NaN;
  let text = '';
  return (timeMs) => {
    const dayOfTime = Math.floor(timeMs / DAY_MS);
    if (dayOfTime !== day) [day, text] = [dayOfTime, new Date(timeMs).toISOString().slice(0, 10)];
    return text;
  };
}
