/** Everything about the mapping that a site can choose. Absent systems mean: leave the system out. */
export interface MappingOptions {
  /** `full`: any invalid attribute fails its instance. `partial`: only a missing or invalid required one does. */
  readonly validation: 'partial' | 'full';
  /** IANA zone of times that carry no offset. Without it such times are cut to their date. */
  readonly defaultTimeZone?: string;
  /** The caller's present date (`YYYY-MM-DD`): birth dates after it count as absent. The mapping reads no clock. */
  readonly today?: string;

  /** Identifier system of a PatientID whose issuer gives none. */
  readonly patientIdSystem?: string;
  /** Absolute URI by issuer: local namespace or universal entity ID, as the modalities write it. */
  readonly issuerSystems: Readonly<Record<string, string>>;
  /** Put before the percent-encoded local namespace where the issuer is not in `issuerSystems`. */
  readonly issuerPrefix?: string;
  /** System of identifiers whose issuer cannot be resolved otherwise. */
  readonly issuerDefaultSystem?: string;
  /** Identifier system of an accession number whose issuer gives none. */
  readonly accessionSystem?: string;
  /** `union`: every accession number of the live instances; `plurality`: the most frequent one. */
  readonly accession: 'union' | 'plurality';
  /** Code of HL7 table 0203 for PatientIDs that state none. */
  readonly patientIdTypeDefault?: string;
  /** Identifier system of the retired Other Patient IDs (0010,1000); without it they are not mapped. */
  readonly otherPatientIdsSystem?: string;
  /** Identifier system of codes that identify persons; without it persons have a display only. */
  readonly personIdSystem?: string;
  /** Whether the Study ID (0020,0010) becomes an identifier. */
  readonly studyIdIdentifier: boolean;
  /** Whether the Admission ID (0038,0010) becomes a logical reference to an encounter. */
  readonly encounter: boolean;

  readonly missingPatientId: 'fail' | 'placeholder';
  /** Who decides about an existing Patient; see `reconcilePatient`. */
  readonly demographics: DemographicsPolicy;
  /** Instances of phantoms, Quality Control Subject (0010,0200): as of any patient, not mapped at all, or of a Device. */
  readonly phantoms: 'patient' | 'skip' | 'device';
  readonly nameUse: 'usual' | 'official';
  /** Whether middle names carry the qualifier MID. */
  readonly middleNameQualifier: boolean;
  /** Whether a patient name that was decoded in the wrong character set counts as invalid; it is mapped all the same. */
  readonly flagMojibake: boolean;
  /** Whether Other Patient Names (0010,1001) become further names. */
  readonly otherPatientNames: boolean;
  /** Whether telephone, address, mother's birth name and time of birth are given to a new Patient. */
  readonly extendedDemographics: boolean;

  readonly observations: 'summary+events' | 'summary' | 'off';
  /** Whether dose summaries that meet it claim the profile of HL7's Radiation Dose Summary. */
  readonly doseSummaryProfile: boolean;
  /** Whether Patient's Size (0010,1020) and Weight (0010,1030) become Observations. */
  readonly heightAndWeight: boolean;

  /** Whether orders are looked up in FHIR, to be referred to literally. */
  readonly orderLookup: boolean;
  /** Whether the Study Description also becomes a note, as DICOM Cast wrote it. */
  readonly studyDescriptionAsNote: boolean;
  /** Whether what DICOM Cast left behind in studies is removed: its notes and its dose Observations. */
  readonly dicomCastCleanup: boolean;
  /** Whether Image Type is the title of an instance that has no better one. */
  readonly imageTypeAsTitle: boolean;
  /** Put before the designator of a private coding scheme that names no UID. */
  readonly codeSystemBase?: string;
  /** Whether a body site without a code is left out instead of being text. */
  readonly codedBodySitesOnly: boolean;
  /** URL of the extension that carries the number of frames of an instance; without it the number is left out. */
  readonly numberOfFramesExtension?: string;
  /** Retrieve Location UID (0040,E011) of the DICOM service; with it studies have what IHE MADO asks of a manifest. */
  readonly retrieveLocationUid?: string;
  /** Values of ImagingStudy.meta.profile. */
  readonly imagingStudyProfiles: readonly string[];
}

export type DemographicsPolicy = 'create-only' | 'fill-missing' | 'managed' | 'overwrite';

export const defaultMappingOptions: MappingOptions = {
  validation: 'partial',
  issuerSystems: {},
  accession: 'union',
  studyIdIdentifier: false,
  encounter: false,
  missingPatientId: 'fail',
  phantoms: 'patient',
  demographics: 'create-only',
  nameUse: 'usual',
  middleNameQualifier: false,
  flagMojibake: false,
  otherPatientNames: false,
  extendedDemographics: false,
  observations: 'summary+events',
  doseSummaryProfile: true,
  heightAndWeight: false,
  orderLookup: false,
  studyDescriptionAsNote: false,
  dicomCastCleanup: false,
  imageTypeAsTitle: false,
  codedBodySitesOnly: false,
  imagingStudyProfiles: [],
};
