import { firstText } from '../../../local/dicom/dicomJson';
import { acquisitionModalities } from '../../../src/dicom/tables/acquisitionModalities';
import type { Comparison } from './compare';

/** Who is right by the standard; `both`: it allows either. */
type Right = 'Cast' | 'the other' | 'both' | 'neither';

/** One kind of difference, and the verdict on it. */
export interface Judgement {
  readonly path: string;
  readonly peer: Peer;
  readonly kind: string;
  readonly right: Right;
  /** Why, with the place in DICOM or FHIR R4 that decides it. */
  readonly because: string;
  /** Whether a difference is of this kind; left out: every one that no judgement before it took. */
  when?(difference: Comparison): boolean;
}

type Peer = 'dicom2fhir' | 'dicomjson-to-fhir' | 'either';

const NOT_GIVEN = 'not given';
const onlyOurs = ({ theirs }: Comparison): boolean => theirs === undefined;
const onlyTheirs = ({ ours }: Comparison): boolean => ours === undefined;
const has = (tag: string) => (difference: Comparison) =>
  difference.objects.some((object) => firstText(object, tag) !== undefined);
const hasNot = (tag: string) => (difference: Comparison) => !has(tag)(difference);

/** Equal but for white space, of which theirs has none. */
function blanksRemoved({ ours, theirs }: Comparison): boolean {
  return JSON.stringify(ours).replace(/\s/g, '') === JSON.stringify(theirs);
}

function onlyOtherModalitiesMore({ ours, theirs }: Comparison): boolean {
  const [known, all] = [ours ?? [], theirs ?? []].map((each) => each as readonly string[]);
  const more = all?.filter((code) => known?.includes(code) !== true) ?? [];
  return more.length > 0 && more.every((code) => !acquisitionModalities.has(code.split('#')[1] ?? ''));
}

/** Equal to the second, and theirs has no fraction. */
function fractionLost({ ours, theirs }: Comparison): boolean {
  return String(ours).slice(0, 19) === String(theirs).slice(0, 19) && String(theirs).endsWith('.000Z');
}

/** Every judgement in this file was made from the standard, not from what any mapper does. */
export const JUDGEMENTS: readonly Judgement[] = [
  {
    path: 'ImagingStudy.identifier (Study ID)',
    peer: 'dicomjson-to-fhir',
    kind: 'Study ID with an invented "s" before it',
    right: 'neither',
    because:
      "R4's DICOM mapping of ImagingStudy.identifier names Study ID (0020,0010), which Cast leaves out unless STUDY_ID_IDENTIFIER=true: values such as 1 are no key of anything. But it is not what the object says once a letter is put before it.",
  },
  {
    path: 'ImagingStudy.identifier (accession number)',
    peer: 'dicomjson-to-fhir',
    kind: 'blanks inside the value removed',
    right: 'Cast',
    because: 'PS3.5 table 6.2-1, SH: leading and trailing spaces are padding, those inside are part of the value.',
    when: blanksRemoved,
  },
  {
    path: 'ImagingStudy.identifier (accession number).type',
    peer: 'dicom2fhir',
    kind: 'only the v2-0203 code ACSN; Cast adds DCM 121022',
    right: 'both',
    because:
      'R4 asks for the type ACSN (ImagingStudy.identifier, comments); a second coding of the same meaning is allowed (CodeableConcept) and is what European imaging profiles look for.',
  },
  {
    path: 'ImagingStudy.identifier (accession number).type',
    peer: 'dicomjson-to-fhir',
    kind: NOT_GIVEN,
    right: 'Cast',
    because: 'R4 ImagingStudy.identifier, comments: an accession number should use the ACSN identifier type.',
  },
  {
    path: 'ImagingStudy.status',
    peer: 'dicomjson-to-fhir',
    kind: '"unknown" for a study that can be retrieved',
    right: 'Cast',
    because:
      'R4 value set imagingstudy-status: available means that at least one instance has been associated with the study.',
  },
  {
    path: 'ImagingStudy.modality',
    peer: 'dicom2fhir',
    kind: 'modalities that acquire nothing (SR, SEG, PR, KO, OT, RTPLAN and the like) as well',
    right: 'Cast',
    because:
      'R4 ImagingStudy.modality: those series modalities "that are actual acquisition modalities", that is PS3.16 CID 29. R5 changed this to all of them.',
    when: onlyOtherModalitiesMore,
  },
  {
    path: 'ImagingStudy.modality',
    peer: 'dicomjson-to-fhir',
    kind: NOT_GIVEN,
    right: 'Cast',
    because: 'R4 ImagingStudy.modality lists the acquisition modalities of the series.',
    when: onlyOurs,
  },
  {
    path: 'ImagingStudy.started',
    peer: 'either',
    kind: 'offset that the object states is ignored',
    right: 'Cast',
    because:
      'PS3.3 C.12.1, SOP Common module: Timezone Offset From UTC (0008,0201) counts for all DA and TM of the object.',
    when: has('00080201'),
  },
  {
    path: 'ImagingStudy.started',
    peer: 'dicom2fhir',
    kind: 'time HHMM becomes midnight',
    right: 'Cast',
    because:
      'PS3.5 table 6.2-1, TM: seconds may be left out, so 1200 is noon. Midnight is a time that the object does not state; Cast writes the seconds as 00, as R4 dateTime demands.',
    when: ({ objects }) => objects.every((object) => (firstText(object, '00080030') ?? '').length === 4),
  },
  {
    path: 'ImagingStudy.started',
    peer: 'dicom2fhir',
    kind: 'fraction of the second left out',
    right: 'both',
    because:
      'PS3.5 table 6.2-1, TM has fractions and R4 dateTime takes them; leaving them out loses precision, no more.',
    when: fractionLost,
  },
  {
    path: 'ImagingStudy.started',
    peer: 'dicomjson-to-fhir',
    kind: 'local time taken as UTC; fraction .70 read as .070',
    right: 'Cast',
    because:
      'PS3.5 table 6.2-1, TM and DA are local times; R4 dateTime demands the zone, which is that of the site (DEFAULT_TIME_ZONE), not that of the computer that maps. TM: digits after the point are a decimal fraction.',
    when: hasNot('00080201'),
  },
  {
    path: 'ImagingStudy.basedOn',
    peer: 'either',
    kind: NOT_GIVEN,
    right: 'both',
    because:
      'R4 maps basedOn to (0032,1064), a code, which is no order. Cast writes the accession number as a logical reference (R4 Reference.identifier), as R5 does; leaving the element out breaks nothing.',
    when: onlyOurs,
  },
  {
    path: 'ImagingStudy.referrer',
    peer: 'either',
    kind: NOT_GIVEN,
    right: 'Cast',
    because: "R4's DICOM mapping: (0008,0090)+(0008,0096).",
    when: onlyOurs,
  },
  {
    path: 'ImagingStudy.interpreter',
    peer: 'either',
    kind: NOT_GIVEN,
    right: 'Cast',
    because:
      "R4's DICOM mapping: (0008,1060). One of the two names is nothing but hyphens: it is what the object says, Cast does not judge names.",
    when: onlyOurs,
  },
  {
    path: 'ImagingStudy.endpoint',
    peer: 'either',
    kind: 'no Endpoint referred to',
    right: 'Cast',
    because:
      'R4 ImagingStudy.endpoint is optional, but without it nobody can retrieve the study; dicomjson-to-fhir makes an Endpoint and refers to it nowhere.',
    when: onlyOurs,
  },
  ...(['numberOfSeries', 'numberOfInstances', 'series.numberOfInstances'] as const).map((name): Judgement => ({
    path: `ImagingStudy.${name}`,
    peer: 'dicomjson-to-fhir',
    kind: 'taken from a query attribute that objects do not hold',
    right: 'Cast',
    because:
      'PS3.4 C.3.4: (0020,1206), (0020,1208) and (0020,1209) are for queries; the number is that of what is there to be retrieved.',
    when: onlyOurs,
  })),
  {
    path: 'ImagingStudy.procedureCode',
    peer: 'dicom2fhir',
    kind: 'code left out; the designator of its scheme as system',
    right: 'Cast',
    because:
      'R4 Coding.system is a URI, and a Coding without a code says nothing that the text does not. Cast keeps the code; it knows no URI for this private scheme (CODE_SYSTEM_BASE gives one).',
  },
  {
    path: 'ImagingStudy.location',
    peer: 'either',
    kind: NOT_GIVEN,
    right: 'Cast',
    because: "R4's DICOM mapping: (0008,1040) | (0040,0243).",
    when: onlyOurs,
  },
  ...(['ImagingStudy.description', 'ImagingStudy.series.description'] as const).map((path): Judgement => ({
    path,
    peer: 'dicomjson-to-fhir',
    kind: 'blanks inside the text removed',
    right: 'Cast',
    because: 'PS3.5 table 6.2-1, LO: leading and trailing spaces are padding, those inside are part of the value.',
    when: blanksRemoved,
  })),
  {
    path: 'ImagingStudy.series.bodySite',
    peer: 'dicom2fhir',
    kind: 'WHOLE BODY with a blank: the term as a code without system',
    right: 'Cast',
    because:
      'PS3.16 Annex L writes WHOLEBODY, so the value breaks the list; Cast reads over the blank. The term itself is no code of any system (R4 Coding): Cast would give an unknown one as text.',
    when: has('00180015'),
  },
  {
    path: 'ImagingStudy.series.bodySite',
    peer: 'dicomjson-to-fhir',
    kind: 'text only, blanks removed',
    right: 'Cast',
    because: 'R4 series.bodySite: "See DICOM Part 16 Annex L for DICOM to SNOMED-CT mappings".',
  },
  {
    path: 'ImagingStudy.series.bodySite.display',
    peer: 'dicom2fhir',
    kind: "display that is DICOM's meaning of the code",
    right: 'both',
    because:
      "R4 Coding.display is optional and must be one that the code system has, which DICOM's meanings are not always: a validator with a terminology server reports others as errors. Cast leaves it out.",
    when: onlyTheirs,
  },
  {
    path: 'ImagingStudy.series.laterality',
    peer: 'dicom2fhir',
    kind: 'the letter of DICOM as a code without system',
    right: 'Cast',
    because:
      'A letter without a system is no code (R4 Coding). Cast writes the SNOMED CT codes of PS3.16 CID 244, which R5 binds to; the example binding of R4 lists those for unilateral left and right instead.',
  },
  {
    path: 'ImagingStudy.series.laterality',
    peer: 'dicomjson-to-fhir',
    kind: NOT_GIVEN,
    right: 'Cast',
    because: "R4's DICOM mapping: (0020,0060).",
    when: onlyOurs,
  },
  {
    path: 'ImagingStudy.series.started',
    peer: 'dicom2fhir',
    kind: 'not given where Series Date or Series Time is missing',
    right: 'both',
    because:
      "R4's DICOM mapping is (0008,0021)+(0008,0031) only. Cast takes the earliest acquisition (0008,002A), (0008,0022)+(0008,0032) where the series has none, and a date without a time.",
    when: (difference) => onlyOurs(difference) && !(has('00080021')(difference) && has('00080031')(difference)),
  },
  {
    path: 'ImagingStudy.series.started',
    peer: 'dicom2fhir',
    kind: 'offset that the object states is ignored',
    right: 'Cast',
    because:
      'PS3.3 C.12.1, SOP Common module: Timezone Offset From UTC (0008,0201) counts for all DA and TM of the object.',
    when: has('00080201'),
  },
  {
    path: 'ImagingStudy.series.started',
    peer: 'dicom2fhir',
    kind: 'fraction of the second left out',
    right: 'both',
    because:
      'PS3.5 table 6.2-1, TM has fractions and R4 dateTime takes them; leaving them out loses precision, no more.',
    when: fractionLost,
  },
  {
    path: 'ImagingStudy.series.started',
    peer: 'dicomjson-to-fhir',
    kind: 'not given: reads (0020,0020) and (0020,0031)',
    right: 'Cast',
    because: "R4's DICOM mapping: (0008,0021)+(0008,0031).",
    when: onlyOurs,
  },
  {
    path: 'ImagingStudy.series.performer',
    peer: 'either',
    kind: NOT_GIVEN,
    right: 'Cast',
    because: "R4's DICOM mapping: (0008,1050), (0008,1052), (0008,1070), (0008,1072).",
    when: onlyOurs,
  },
  {
    path: 'ImagingStudy.series.performer',
    peer: 'dicomjson-to-fhir',
    kind: 'the DICOM JSON name where R4 has a list of performers',
    right: 'Cast',
    because: 'R4 series.performer is a list of function and actor (1..1); a name object is invalid.',
  },
  {
    path: 'ImagingStudy.series.instance.number',
    peer: 'dicomjson-to-fhir',
    kind: 'number 0 left out',
    right: 'Cast',
    because: 'PS3.5 table 6.2-1, IS: 0 is a value; R4 unsignedInt includes 0.',
    when: ({ ours }) => ours === 0,
  },
  {
    path: 'ImagingStudy.series.instance.title',
    peer: 'either',
    kind: 'not given where the object has a title or a label',
    right: 'Cast',
    because:
      "R4's DICOM mapping: (0070,0080), (0040,A043) > (0008,0104), (0042,0010). R4 misprints the first as (0007,0080), and dicomjson-to-fhir reads that one.",
    when: onlyOurs,
  },
  {
    path: 'ImagingStudy.series.instance.title',
    peer: 'dicomjson-to-fhir',
    kind: 'first value of Image Type though the object has a title or a label',
    right: 'Cast',
    because:
      'R4\'s DICOM mapping lists the attributes as alternatives; "DERIVED" describes the instance worse (R4 title: the description of the instance) than its own label.',
    when: ({ ours, theirs }) => ours !== undefined && theirs !== undefined,
  },
  {
    path: 'ImagingStudy.series.instance.title',
    peer: 'dicomjson-to-fhir',
    kind: 'first value of Image Type, where the object has nothing better',
    right: 'the other',
    because:
      "R4's DICOM mapping names Image Type (0008,0008), though its comment wants the title particularly for what is made after the acquisition. Cast leaves it out by choice unless IMAGE_TYPE_AS_TITLE=true, which writes all its values.",
    when: onlyTheirs,
  },
  {
    path: 'Patient.identifier',
    peer: 'dicom2fhir',
    kind: 'Other Patient IDs left out',
    right: 'Cast',
    because:
      'PS3.3 C.7.1.1: (0010,1002) holds further identifiers of the same patient; R4 Patient.identifier is a list.',
  },
  {
    path: 'Patient.identifier',
    peer: 'dicomjson-to-fhir',
    kind: 'PatientID as the id of the resource, no identifier',
    right: 'Cast',
    because:
      'R4 Resource.id is given by the server, a business identifier belongs in identifier; two hospitals share PatientIDs.',
  },
  {
    path: 'Patient.identifier.system',
    peer: 'dicom2fhir',
    kind: 'the same invented system urn:dicom:patient-id for all hospitals',
    right: 'Cast',
    because:
      'PS3.3 C.7.1.1: a PatientID is unique within its issuer only; R4 Identifier.system names the namespace. Cast knows none here and says none (PATIENT_ID_SYSTEM, ISSUER_SYSTEMS).',
    when: onlyTheirs,
  },
  {
    path: 'Patient.active',
    peer: 'dicomjson-to-fhir',
    kind: 'active = true',
    right: 'Cast',
    because: 'R4 Patient.active says whether the record is in active use; no DICOM attribute does.',
    when: onlyTheirs,
  },
  {
    path: 'Patient.name',
    peer: 'dicom2fhir',
    kind: 'braces and quotes of the DICOM JSON in the name',
    right: 'Cast',
    because: 'PS3.18 F.2.2: a PN is an object of component groups, PS3.5 6.2.1 says what the components are.',
  },
  {
    path: 'Patient.name',
    peer: 'dicomjson-to-fhir',
    kind: 'empty name',
    right: 'Cast',
    because: 'PS3.18 F.2.2: the name is in the first item of Value.',
    when: onlyOurs,
  },
  {
    path: 'Patient.gender',
    peer: 'either',
    kind: '"unknown" for an empty or missing sex',
    right: 'both',
    because:
      'PS3.5 7.4.3: an empty type 2 attribute means that the value is unknown, so "unknown" can be said; R4 Patient.gender is optional. Cast says nothing, so that it overrides nothing.',
    when: ({ ours, theirs }) => ours === undefined && theirs === 'unknown',
  },
  {
    path: 'Patient.birthDate',
    peer: 'dicom2fhir',
    kind: 'dates before 1900 left out',
    right: 'Cast',
    because:
      'PS3.5 table 6.2-1, DA and R4 date know no such limit. The dates are dummies all the same; only 00010101 and the year 9999 count as none.',
    when: onlyOurs,
  },
  {
    path: 'Patient.birthDate',
    peer: 'dicomjson-to-fhir',
    kind: 'the year 9999',
    right: 'Cast',
    because: 'Valid by PS3.5, but nobody is born then: the largest date is what databases write where there is none.',
    when: onlyTheirs,
  },
  {
    path: 'Patient.address',
    peer: 'dicom2fhir',
    kind: 'Patient Address (0010,1040) parsed as if it had components',
    right: 'neither',
    because:
      'PS3.6: the address is one text (LO) without components. Cast leaves it out unless EXTENDED_DEMOGRAPHICS=true, and then writes it as Address.text.',
    when: onlyTheirs,
  },
  {
    path: 'Endpoint.identifier',
    peer: 'dicomjson-to-fhir',
    kind: NOT_GIVEN,
    right: 'both',
    because:
      'R4 Endpoint.identifier is optional. R4 has no search parameter for the address, so Cast finds its Endpoint by it.',
    when: onlyOurs,
  },
  {
    path: 'Endpoint.name',
    peer: 'dicomjson-to-fhir',
    kind: NOT_GIVEN,
    right: 'both',
    because: 'R4 Endpoint.name is optional.',
    when: onlyOurs,
  },
  {
    path: 'Endpoint.payloadType',
    peer: 'dicomjson-to-fhir',
    kind: 'text only',
    right: 'both',
    because: 'R4 Endpoint.payloadType is 1..* with an example binding; a text is enough.',
  },
];

/** @returns the judgement on a difference, or undefined where nobody has judged it yet */
export function judgementOn(difference: Comparison): Judgement | undefined {
  return JUDGEMENTS.find(
    ({ path, peer, when }) =>
      path === difference.path &&
      (peer === 'either' || peer === difference.peer) &&
      (when === undefined || when(difference)),
  );
}
