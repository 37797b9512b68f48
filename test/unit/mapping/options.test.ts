import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ImagingStudy, Observation, Patient } from 'fhir/r4';
import { readDataset } from '../../../src/dicom/dataset';
import { identifierKey } from '../../../src/mapping/identifiers';
import { overlayImagingStudy } from '../../../src/mapping/imagingStudy';
import { newPatient, reconcilePatient } from '../../../src/mapping/patient';
import { projectStudy } from '../../../src/mapping/projectStudy';
import { readInstance } from '../../../src/mapping/readInstance';
import { castSource } from '../../../src/mapping/source';
import { mappingOptions } from '../../../src/mappingOptions';
import { describeSettings, readSettings, type Settings } from '../../../src/settings';
import { dicomJson } from '../../support/dicomJson';

/** What a site gets from its settings: from the text of the app setting to the resource. */
type Setting = readonly [name: keyof Settings, value: string];

const REQUIRED = { DICOM_URL: 'https://dicom.example', FHIR_URL: 'https://fhir.example/r4' };
const STUDY = '1.2.3';
const SOURCE = castSource('https://dicom.example', 'v2', 'Microsoft.Default');
const NOW = new Date('2026-01-01T12:00:00Z');

interface Written {
  readonly study: ImagingStudy;
  /** The same laid over what the old DICOM Cast, and somebody else, had written. */
  readonly overOld: ImagingStudy;
  readonly patient: Patient | undefined;
  readonly isPhantom: boolean;
  /** Attributes that are warned about. */
  readonly warnings: readonly string[];
  readonly observations: readonly Observation[];
  readonly demographics: ReturnType<typeof mappingOptions>['demographics'];
}

function optionsOf(settings: readonly Setting[]): ReturnType<typeof mappingOptions> {
  return mappingOptions(readSettings({ ...REQUIRED, ...Object.fromEntries(settings) }), () => NOW);
}

/** Undefined where no instance is valid. */
function write(datasets: readonly object[], settings: readonly Setting[]): Written | undefined {
  const options = optionsOf(settings);
  const readings = datasets.map((json) => readInstance(readDataset(json), options));
  const valid = readings.flatMap((reading) => (reading.kind === 'valid' ? [reading] : []));
  const projection = projectStudy({ partition: 'Microsoft.Default', uid: STUDY }, valid, options);
  if (projection === undefined) return undefined;
  const subject = projection.patient === undefined ? { display: 'Unknown' } : { reference: 'Patient/p' };
  const study = { reference: 'ImagingStudy/s' };
  const orders = options.orderLookup ? new Map([[identifierKey({ value: 'A1' }), 'ServiceRequest/r']]) : undefined;
  const to = { subject, endpoint: { reference: 'Endpoint/e' }, source: SOURCE, orders };
  return {
    study: overlayImagingStudy(undefined, projection, to),
    overOld: overlayImagingStudy(OLD_STUDY, projection, to),
    patient: projection.patient === undefined ? undefined : newPatient(projection.patient, SOURCE),
    isPhantom: projection.patient?.isPhantom === true,
    warnings: valid.flatMap(({ issues }) =>
      issues.filter(({ severity }) => severity === 'invalid').map(({ keyword }) => keyword),
    ),
    observations: projection.observations.map((each) => each.build({ ...to, study })),
    demographics: options.demographics,
  };
}

const OLD_STUDY: ImagingStudy = {
  resourceType: 'ImagingStudy',
  status: 'available',
  subject: {},
  note: [{ text: 'Head' }, { text: 'Call the ward' }, { text: 'Head', authorString: 'Dr. Roe' }],
};

let instances = 0;

function instance(values: Readonly<Record<string, unknown>>): object {
  instances += 1;
  return dicomJson({
    SOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
    SOPInstanceUID: `1.2.3.4.${instances}`,
    SeriesInstanceUID: '1.2.3.4',
    Modality: 'CT',
    PatientID: '123',
    ...values,
  });
}

const doseReports = readFileSync(resolve(__dirname, '../../fixtures/dose-reports/dose-reports.ndjson'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { readonly name: string; readonly dicom: object });

function doseReport(name: string): object {
  const found = doseReports.find((report) => report.name === name);
  if (found === undefined) throw new Error(`There is no fixture ${name}`);
  return found.dicom;
}

function existingPatient(written: Written | undefined): string | undefined {
  if (written?.patient === undefined) return undefined;
  const existing: Patient = { resourceType: 'Patient', identifier: written.patient.identifier, gender: 'male' };
  const projection = { identifier: { value: '123' }, otherIdentifiers: [], names: [], gender: 'female' as const };
  return reconcilePatient(existing, projection, written.demographics, SOURCE).gender;
}

/** Every option, the setting that decides it, and what it changes in what is written: without it, and with it. */
const effects: readonly {
  readonly option: string;
  readonly setting: Setting;
  readonly with?: readonly Setting[];
  readonly instances: readonly object[];
  readonly see: (written: Written | undefined) => unknown;
  readonly before: unknown;
  readonly after: unknown;
}[] = [
  {
    option: 'validation',
    setting: ['VALIDATION', 'full'],
    instances: [instance({ StudyDate: '20230230' })],
    see: (written) => written?.study.numberOfInstances,
    before: 1,
    after: undefined,
  },
  {
    option: 'defaultTimeZone',
    setting: ['DEFAULT_TIME_ZONE', 'Europe/Berlin'],
    instances: [instance({ StudyDate: '20240715', StudyTime: '101530' })],
    see: (written) => written?.study.started,
    before: '2024-07-15',
    after: '2024-07-15T10:15:30+02:00',
  },
  {
    option: 'patientIdSystem',
    setting: ['PATIENT_ID_SYSTEM', 'https://h.example/mrn'],
    instances: [instance({})],
    see: (written) => written?.patient?.identifier?.[0]?.system,
    before: undefined,
    after: 'https://h.example/mrn',
  },
  {
    option: 'issuerSystems',
    setting: ['ISSUER_SYSTEMS', '{"HOSP":"urn:oid:1.2.276.9"}'],
    instances: [instance({ IssuerOfPatientID: 'HOSP' })],
    see: (written) => written?.patient?.identifier,
    before: [{ value: '123', assigner: { display: 'HOSP' } }],
    after: [{ system: 'urn:oid:1.2.276.9', value: '123', assigner: { display: 'HOSP' } }],
  },
  {
    option: 'issuerPrefix',
    setting: ['ISSUER_PREFIX', 'https://h.example/issuer/'],
    instances: [instance({ IssuerOfPatientID: 'A B' })],
    see: (written) => written?.patient?.identifier?.[0]?.system,
    before: undefined,
    after: 'https://h.example/issuer/A%20B',
  },
  {
    option: 'issuerDefaultSystem',
    setting: ['ISSUER_DEFAULT_SYSTEM', 'https://h.example/any'],
    instances: [instance({ IssuerOfPatientID: 'HOSP' })],
    see: (written) => written?.patient?.identifier?.[0]?.system,
    before: undefined,
    after: 'https://h.example/any',
  },
  {
    option: 'accessionSystem',
    setting: ['ACCESSION_SYSTEM', 'https://h.example/acsn'],
    instances: [instance({ AccessionNumber: 'A1' })],
    see: (written) => [written?.study.identifier?.[1]?.system, written?.study.basedOn?.[0]?.identifier?.system],
    before: [undefined, undefined],
    after: ['https://h.example/acsn', 'https://h.example/acsn'],
  },
  {
    option: 'accession',
    setting: ['ACCESSION', 'plurality'],
    instances: ['A1', 'A2', 'A2'].map((number) => instance({ AccessionNumber: number })),
    see: (written) => written?.study.identifier?.slice(1).map(({ value }) => value),
    before: ['A1', 'A2'],
    after: ['A2'],
  },
  {
    option: 'patientIdTypeDefault',
    setting: ['PATIENT_ID_TYPE', 'MR'],
    instances: [instance({})],
    see: (written) => written?.patient?.identifier?.[0]?.type?.coding?.[0]?.code,
    before: undefined,
    after: 'MR',
  },
  {
    option: 'otherPatientIdsSystem',
    setting: ['OTHER_PATIENT_IDS_SYSTEM', 'https://h.example/other'],
    instances: [instance({ OtherPatientIDs: ['77'] })],
    see: (written) => written?.patient?.identifier?.slice(1),
    before: [],
    after: [{ system: 'https://h.example/other', value: '77' }],
  },
  {
    option: 'personIdSystem',
    setting: ['PERSON_ID_SYSTEM', 'https://h.example/staff'],
    instances: [
      instance({
        ReferringPhysicianName: { Alphabetic: 'Müller^Anna' },
        ReferringPhysicianIdentificationSequence: dicomJson({
          PersonIdentificationCodeSequence: dicomJson({ CodeValue: 'S1', CodingSchemeDesignator: '99STAFF' }),
        }),
      }),
    ],
    see: (written) => written?.study.referrer,
    before: { type: 'Practitioner', display: 'Anna Müller' },
    after: {
      type: 'Practitioner',
      identifier: { system: 'https://h.example/staff', value: 'S1' },
      display: 'Anna Müller',
    },
  },
  {
    option: 'studyIdIdentifier',
    setting: ['STUDY_ID_IDENTIFIER', 'true'],
    instances: [instance({ StudyID: '7' })],
    see: (written) => written?.study.identifier?.slice(1).map(({ value }) => value),
    before: [],
    after: ['7'],
  },
  {
    option: 'encounter',
    setting: ['ENCOUNTER', 'true'],
    instances: [instance({ AdmissionID: 'V1' })],
    see: (written) => written?.study.encounter?.identifier?.value,
    before: undefined,
    after: 'V1',
  },
  {
    option: 'missingPatientId',
    setting: ['MISSING_PATIENT_ID', 'placeholder'],
    instances: [instance({ PatientID: [] })],
    see: (written) => written?.study.subject,
    before: undefined,
    after: { display: 'Unknown' },
  },
  {
    option: 'demographics',
    setting: ['DEMOGRAPHICS', 'overwrite'],
    instances: [instance({})],
    see: existingPatient,
    before: 'male',
    after: 'female',
  },
  {
    option: 'nameUse',
    setting: ['NAME_USE', 'official'],
    instances: [instance({ PatientName: { Alphabetic: 'Doe^John' } })],
    see: (written) => written?.patient?.name?.[0]?.use,
    before: 'usual',
    after: 'official',
  },
  {
    option: 'otherPatientNames',
    setting: ['OTHER_PATIENT_NAMES', 'true'],
    instances: [
      instance({ PatientName: { Alphabetic: 'Doe^Jane' }, OtherPatientNames: [{ Alphabetic: 'Smith^Jane' }] }),
    ],
    see: (written) => written?.patient?.name?.map(({ family }) => family),
    before: ['Doe'],
    after: ['Doe', 'Smith'],
  },
  {
    option: 'extendedDemographics',
    setting: ['EXTENDED_DEMOGRAPHICS', 'true'],
    with: [['DEFAULT_TIME_ZONE', 'Europe/Berlin']],
    instances: [
      instance({
        PatientTelephoneNumbers: ['030 1'],
        PatientAddress: 'Street 1',
        PatientMotherBirthName: { Alphabetic: 'Roe^Mary' },
        PatientBirthDate: '20240110',
        PatientBirthTime: '0830',
      }),
    ],
    see: (written) => [
      written?.patient?.telecom?.[0]?.value,
      written?.patient?.address?.[0]?.text,
      written?.patient?.extension?.[0]?.valueString,
      written?.patient?._birthDate?.extension?.[0]?.valueDateTime,
    ],
    before: [undefined, undefined, undefined, undefined],
    after: ['030 1', 'Street 1', 'Mary Roe', '2024-01-10T08:30:00+01:00'],
  },
  {
    option: 'observations',
    setting: ['OBSERVATIONS', 'summary'],
    instances: [doseReport('ct-four-events')],
    see: (written) => written?.observations.length,
    before: 5,
    after: 1,
  },
  {
    option: 'observations',
    setting: ['OBSERVATIONS', 'off'],
    instances: [doseReport('ct-four-events')],
    see: (written) => written?.observations.length,
    before: 5,
    after: 0,
  },
  {
    option: 'doseSummaryProfile',
    setting: ['DOSE_SUMMARY_PROFILE', 'false'],
    instances: [doseReport('ct-authorized')],
    see: (written) => written?.observations[0]?.meta?.profile,
    before: ['http://hl7.org/fhir/uv/radiation-dose-summary/StructureDefinition/radiation-dose-summary'],
    after: undefined,
  },
  {
    option: 'heightAndWeight',
    setting: ['HEIGHT_AND_WEIGHT', 'true'],
    instances: [instance({ PatientSize: '1.1', PatientWeight: '81.5', StudyDate: '20240115' })],
    see: (written) => written?.observations.map(({ valueQuantity }) => [valueQuantity?.value, valueQuantity?.code]),
    before: [],
    after: [
      [110, 'cm'],
      [81.5, 'kg'],
    ],
  },
  {
    option: 'orderLookup',
    setting: ['ORDER_LOOKUP', 'true'],
    instances: [instance({ AccessionNumber: 'A1' })],
    see: (written) => written?.study.basedOn?.map(({ reference, identifier }) => [reference, identifier?.value]),
    before: [[undefined, 'A1']],
    after: [['ServiceRequest/r', 'A1']],
  },
  {
    option: 'dicomCastCleanup',
    setting: ['DICOM_CAST_CLEANUP', 'true'],
    instances: [instance({ StudyDescription: 'Head' })],
    see: (written) => written?.overOld.note?.map(({ text, authorString }) => [text, authorString]),
    before: [
      ['Head', undefined],
      ['Call the ward', undefined],
      ['Head', 'Dr. Roe'],
    ],
    after: [
      ['Call the ward', undefined],
      ['Head', 'Dr. Roe'],
    ],
  },
  {
    option: 'phantoms',
    setting: ['PHANTOMS', 'skip'],
    instances: [instance({}), instance({ QualityControlSubject: 'YES' }), instance({ QualityControlSubject: 'NO' })],
    see: (written) => written?.study.numberOfInstances,
    before: 3,
    after: 2,
  },
  {
    option: 'phantoms',
    setting: ['PHANTOMS', 'device'],
    instances: [instance({ QualityControlSubject: 'YES' })],
    see: (written) => written?.isPhantom,
    before: false,
    after: true,
  },
  {
    option: 'middleNameQualifier',
    setting: ['MIDDLE_NAME_QUALIFIER', 'true'],
    instances: [instance({ PatientName: { Alphabetic: 'Adams^John Robert^Quincy' } })],
    see: (written) => [written?.patient?.name?.[0]?.given, written?.patient?.name?.[0]?._given],
    before: [['John', 'Robert', 'Quincy'], undefined],
    after: [
      ['John', 'Robert', 'Quincy'],
      [
        null,
        null,
        { extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier', valueCode: 'MID' }] },
      ],
    ],
  },
  {
    option: 'flagMojibake',
    setting: ['FLAG_MOJIBAKE', 'true'],
    instances: [instance({ PatientName: { Alphabetic: 'testÃ¦Ã¸Ã¥' } })],
    see: (written) => [written?.patient?.name?.[0]?.family, written?.warnings],
    before: ['testÃ¦Ã¸Ã¥', []],
    after: ['testÃ¦Ã¸Ã¥', ['PatientName']],
  },
  {
    option: 'codedBodySitesOnly',
    setting: ['CODED_BODY_SITES_ONLY', 'true'],
    instances: [instance({ BodyPartExamined: 'KNEE_X' })],
    see: (written) => written?.study.series?.[0]?.bodySite,
    before: { display: 'KNEE_X' },
    after: undefined,
  },
  {
    option: 'retrieveLocationUid',
    setting: ['RETRIEVE_LOCATION_UID', '1.2.3.4'],
    instances: [instance({ NumberOfFrames: 30 })],
    see: (written) => {
      const [series] = written?.study.series ?? [];
      return [series?.endpoint, series?.instance?.[0]?.extension];
    },
    before: [undefined, undefined],
    after: [
      [{ reference: 'Endpoint/e' }],
      [{ url: 'https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoNumberOfFrames', valueInteger: 30 }],
    ],
  },
  {
    option: 'studyDescriptionAsNote',
    setting: ['STUDY_DESCRIPTION_AS_NOTE', 'true'],
    instances: [instance({ StudyDescription: 'Head' })],
    see: (written) => written?.study.note?.map(({ text }) => text),
    before: undefined,
    after: ['Head'],
  },
  {
    option: 'imageTypeAsTitle',
    setting: ['IMAGE_TYPE_AS_TITLE', 'true'],
    instances: [instance({ ImageType: ['ORIGINAL', 'PRIMARY'] })],
    see: (written) => written?.study.series?.[0]?.instance?.[0]?.title,
    before: undefined,
    after: 'ORIGINAL\\PRIMARY',
  },
  {
    option: 'codeSystemBase',
    setting: ['CODE_SYSTEM_BASE', 'https://h.example/codes/'],
    instances: [
      instance({
        ProcedureCodeSequence: dicomJson({ CodeValue: 'X1', CodingSchemeDesignator: '99ABC', CodeMeaning: 'Head CT' }),
      }),
    ],
    see: (written) => written?.study.procedureCode?.[0]?.coding?.[0]?.system,
    before: undefined,
    after: 'https://h.example/codes/99ABC',
  },
  {
    option: 'numberOfFramesExtension',
    setting: ['FRAMES_EXTENSION', 'https://h.example/frames'],
    instances: [instance({ NumberOfFrames: 30 })],
    see: (written) => written?.study.series?.[0]?.instance?.[0]?.extension,
    before: undefined,
    after: [{ url: 'https://h.example/frames', valueInteger: 30 }],
  },
  {
    option: 'imagingStudyProfiles',
    setting: ['IMAGING_STUDY_PROFILES', 'https://h.example/a, https://h.example/b'],
    instances: [instance({})],
    see: (written) => written?.study.meta?.profile,
    before: undefined,
    after: ['https://h.example/a', 'https://h.example/b'],
  },
];

describe('a setting of the mapping', () => {
  it.each(effects)('changes what is written: $option by $setting', (effect) => {
    const others = effect.with ?? [];
    expect(effect.see(write(effect.instances, others))).toEqual(effect.before);
    expect(effect.see(write(effect.instances, [...others, effect.setting]))).toEqual(effect.after);
  });

  it('exists for every option but the date of today, which is the clock', () => {
    const all = optionsOf(effects.map(({ setting }) => setting));
    const tested = new Set(effects.map(({ option }) => option));
    expect(Object.keys(all).filter((option) => !tested.has(option))).toEqual(['today']);
  });

  it('is described, with its default where it has one', () => {
    const described = new Map(describeSettings().map((each) => [each.name, each]));
    for (const { setting } of effects)
      expect(described.get(setting[0])).toMatchObject({
        required: false,
        description: expect.stringMatching(/\.$/) as unknown,
      });
  });
});

describe('a birth date', () => {
  const born = (date: string): string | undefined =>
    write([instance({ PatientBirthDate: date })], [])?.patient?.birthDate;

  it('after today counts as absent, wherever on Earth today is furthest on', () => {
    expect(born('20260101')).toBe('2026-01-01');
    expect(born('20260102')).toBe('2026-01-02');
    expect(born('20260103')).toBeUndefined();
  });
});
