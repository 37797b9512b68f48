import { z } from 'zod';
import { absoluteUri, flag, oid, timeZone, uriMap } from './settingValues';

/** The app settings that decide what DICOM becomes in FHIR; `mappingOptions.ts` makes the options of the mapping of them. */
export const mappingSettings = {
  DEFAULT_TIME_ZONE: timeZone
    .optional()
    .describe('IANA zone of DICOM times that carry none. Without it such times become dates.'),
  PATIENT_ID_SYSTEM: absoluteUri.optional().describe('Identifier system of PatientID where no issuer gives one.'),
  ISSUER_SYSTEMS: uriMap.describe(
    'JSON object from issuer text to identifier system, such as {"HOSP":"urn:oid:1.2.3"}.',
  ),
  ISSUER_PREFIX: absoluteUri.optional().describe('URI prefix that turns an unmapped issuer into an identifier system.'),
  ISSUER_DEFAULT_SYSTEM: absoluteUri
    .optional()
    .describe('Identifier system of issuers that neither map nor prefix covers.'),
  PATIENT_ID_TYPE: z
    .string()
    .optional()
    .describe('HL7 v2-0203 code of PatientID where the object names none, such as MR.'),
  MISSING_PATIENT_ID: z
    .enum(['fail', 'placeholder'], 'expected fail or placeholder')
    .default('fail')
    .describe(
      'What happens to an instance without PatientID: it fails, or its study gets a subject that says unknown.',
    ),
  DEMOGRAPHICS: z
    .enum(
      ['create-only', 'fill-missing', 'managed', 'overwrite'],
      'expected create-only, fill-missing, managed or overwrite',
    )
    .default('create-only')
    .describe('Who is right about an existing Patient.'),
  ACCESSION: z
    .enum(['union', 'plurality'], 'expected union or plurality')
    .default('union')
    .describe('All accession numbers of a study, or the most frequent one.'),
  ACCESSION_SYSTEM: absoluteUri.optional().describe('Identifier system of accession numbers without an issuer.'),
  CODE_SYSTEM_BASE: absoluteUri.optional().describe('Base URI of private coding schemes: system = base + designator.'),
  OBSERVATIONS: z
    .enum(['summary+events', 'summary', 'off'], 'expected summary+events, summary or off')
    .default('summary+events')
    .describe('What dose reports become.'),
  DOSE_SUMMARY_PROFILE: flag(true).describe(
    "false: no dose summary claims the profile of HL7's Radiation Dose Summary, for a FHIR server that validates and does not have it.",
  ),
  HEIGHT_AND_WEIGHT: flag(false).describe(
    "true: Patient's Size (0010,1020) and Weight (0010,1030) become vital signs of the study; costs a FHIR search for each look at a study.",
  ),
  ORDER_LOOKUP: flag(false).describe(
    'true: the orders of a study are looked up among the ServiceRequests, and one that only one matches is referred to literally; costs a FHIR search for each look at a study with orders.',
  ),
  STUDY_ID_IDENTIFIER: flag(false).describe('true: Study ID (0020,0010) becomes an identifier as well.'),
  STUDY_DESCRIPTION_AS_NOTE: flag(false).describe(
    'true: the study description is a note as well, as the old DICOM Cast wrote it.',
  ),
  DICOM_CAST_CLEANUP: flag(false).describe(
    'true: notes and dose Observations that the old DICOM Cast wrote are removed from studies that are looked at. For a migration: set it, POST /api/resync, take it back.',
  ),
  IMAGE_TYPE_AS_TITLE: flag(false).describe('true: Image Type is the title of an instance that has no better one.'),
  ENCOUNTER: flag(false).describe('true: the Admission ID (0038,0010) becomes a logical reference to an Encounter.'),
  PHANTOMS: z
    .enum(['patient', 'skip', 'device'], 'expected patient, skip or device')
    .default('patient')
    .describe(
      'What becomes of instances of a phantom, Quality Control Subject (0010,0200) = YES: mapped as those of a patient, not mapped, or the subject of their study is a Device.',
    ),
  MIDDLE_NAME_QUALIFIER: flag(false).describe(
    'true: middle names among the given names of a person carry the qualifier MID.',
  ),
  FLAG_MOJIBAKE: flag(false).describe(
    'true: a patient name that was decoded in the wrong character set counts as invalid. It is written as it is, with a warning; under full validation its instance fails.',
  ),
  OTHER_PATIENT_NAMES: flag(false).describe('true: Other Patient Names (0010,1001) become further names.'),
  OTHER_PATIENT_IDS_SYSTEM: absoluteUri
    .optional()
    .describe('Identifier system of the retired Other Patient IDs (0010,1000); without it they are left out.'),
  EXTENDED_DEMOGRAPHICS: flag(false).describe(
    "true: telephone, address, mother's birth name and time of birth are given to a new Patient.",
  ),
  PERSON_ID_SYSTEM: absoluteUri
    .optional()
    .describe('Identifier system of codes that identify physicians; without it they have a display only.'),
  FRAMES_EXTENSION: absoluteUri
    .optional()
    .describe('URL of the extension for the number of frames of an instance; without it the number is left out.'),
  CODED_BODY_SITES_ONLY: flag(false).describe(
    'true: a body site that has no code is left out instead of being written as text, as profiles with a required value set want it.',
  ),
  RETRIEVE_LOCATION_UID: oid
    .optional()
    .describe(
      'Retrieve Location UID of the DICOM service, an OID. With it studies are what IHE MADO asks for: an Endpoint with that UID in every series, and the number of frames.',
    ),
  IMAGING_STUDY_PROFILES: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .refine(
      (profiles) => profiles.every((profile) => absoluteUri.safeParse(profile).success),
      'expected absolute URIs, separated by commas',
    )
    .describe('Profiles that ImagingStudy.meta.profile claims, separated by commas.'),
  NAME_USE: z
    .enum(['usual', 'official'], 'expected usual or official')
    .default('usual')
    .describe('HumanName.use of patient names.'),
};
