import type { CodeableConcept, HumanName, Identifier, Patient } from 'fhir/r4';
import { Attribute } from '../dicom/attributes';
import { sequenceItems, sequenceIssues } from '../dicom/codeSequence';
import { clean, invalid, note, type DataIssue, type Reading } from '../dicom/dataIssue';
import type { DicomDataset } from '../dicom/dataset';
import { dateTimeOf, dateValue } from '../dicom/dates';
import { issuerValue } from '../dicom/issuer';
import { mojibakeIssues } from '../dicom/mojibake';
import { personNameValue, personNameValues } from '../dicom/personName';
import { textValue, textValues } from '../dicom/text';
import { displayName, humanNames } from './humanName';
import { identifierType, issuedIdentifier, sameIdentifier } from './identifiers';
import { isIdentifierTypeCode } from './identifierTypeCodes';
import { issuerSystem } from './issuerSystem';
import { isQualityControl } from './phantoms';
import type { MappingOptions } from './options';
import type { PatientProjection } from './patientProjection';

/** What one instance says about its patient. Without a PatientID there is nobody to say it about. */
export type PatientReading =
  | { readonly kind: 'patient'; readonly patient: PatientProjection; readonly issues: readonly DataIssue[] }
  | { readonly kind: 'missing-id'; readonly issues: readonly DataIssue[] };

/** Reads the patient module (PS3.3 C.7.1.1) of one instance. Empty values assert nothing. */
export function readPatient(dataset: DicomDataset, options: MappingOptions): PatientReading {
  const identifier = patientIdentifier(dataset, options);
  if (identifier.value === undefined) return { kind: 'missing-id', issues: identifier.issues };
  const main = identifier.value;
  const others = otherIdentifiers(dataset, main, options);
  const names = patientNames(dataset, options);
  const gender = genderOf(dataset);
  const birthDate = birthDateOf(dataset, options);
  const isPhantom = options.phantoms === 'device' && isQualityControl(dataset);
  const extended = options.extendedDemographics ? extendedDemographics(dataset, birthDate.value, options) : clean({});
  return {
    kind: 'patient',
    patient: {
      identifier: main,
      otherIdentifiers: others.value,
      names: names.value,
      ...(isPhantom ? { isPhantom } : {}),
      ...(gender.value === undefined ? {} : { gender: gender.value }),
      ...(birthDate.value === undefined ? {} : { birthDate: birthDate.value }),
      ...extended.value,
    },
    issues: [identifier, others, names, gender, birthDate, extended].flatMap((reading) => reading.issues),
  };
}

function patientIdentifier(dataset: DicomDataset, options: MappingOptions): Reading<Identifier | undefined> {
  const { value: ids, issues } = textValues(dataset, Attribute.PatientID);
  const [id] = ids;
  if (id === undefined || ids.length > 1) {
    return { value: undefined, issues: [...issues, invalid(Attribute.PatientID, 'expected exactly one value')] };
  }
  const issuer = issuerValue(dataset, Attribute.IssuerOfPatientIDQualifiersSequence, Attribute.IssuerOfPatientID);
  const type = typeOf(dataset, options);
  const system = issuerSystem(issuer.value, options, options.patientIdSystem);
  return {
    value: issuedIdentifier(id, type.value, issuer.value, system),
    issues: [...issues, ...issuer.issues, ...type.issues],
  };
}

function typeOf(dataset: DicomDataset, options: MappingOptions): Reading<CodeableConcept | undefined> {
  const fallback =
    options.patientIdTypeDefault === undefined ? undefined : identifierType(options.patientIdTypeDefault);
  const [qualifiers] = sequenceItems(dataset, Attribute.IssuerOfPatientIDQualifiersSequence);
  if (qualifiers === undefined) return clean(fallback);
  const { value: code, issues } = textValue(qualifiers, Attribute.IdentifierTypeCode);
  if (code === undefined) return { value: fallback, issues };
  if (isIdentifierTypeCode(code)) return { value: identifierType(code), issues };
  return {
    value: fallback,
    issues: [...issues, note(Attribute.IdentifierTypeCode, 'expected a code of HL7v2 table 0203')],
  };
}

/** Identifiers to show, not to match by: without an issuer of their own they get no system, not even the default. */
function otherIdentifiers(
  dataset: DicomDataset,
  main: Identifier,
  options: MappingOptions,
): Reading<readonly Identifier[]> {
  const issues: DataIssue[] = [...sequenceIssues(dataset, Attribute.OtherPatientIDsSequence)];
  const found: Identifier[] = [];
  for (const item of sequenceItems(dataset, Attribute.OtherPatientIDsSequence)) {
    const id = textValue(item, Attribute.PatientID);
    const issuer = issuerValue(item, Attribute.IssuerOfPatientIDQualifiersSequence, Attribute.IssuerOfPatientID);
    const type = typeOf(item, { ...options, patientIdTypeDefault: undefined });
    issues.push(...id.issues, ...issuer.issues, ...type.issues);
    if (id.value === undefined) continue;
    const system = issuer.value === undefined ? undefined : issuerSystem(issuer.value, options);
    found.push(issuedIdentifier(id.value, type.value, issuer.value, system));
  }
  if (options.otherPatientIdsSystem !== undefined) {
    const retired = textValues(dataset, Attribute.OtherPatientIDs);
    issues.push(...retired.issues);
    found.push(...retired.value.map((value) => ({ system: options.otherPatientIdsSystem, value })));
  }
  return { value: found.filter((identifier) => !sameIdentifier(identifier, main)), issues };
}

function patientNames(dataset: DicomDataset, options: MappingOptions): Reading<readonly HumanName[]> {
  const name = personNameValue(dataset, Attribute.PatientName);
  const names = name.value === undefined ? [] : humanNames(name.value, options, options.nameUse);
  const mojibake = options.flagMojibake ? mojibakeIssues(dataset, Attribute.PatientName) : [];
  const issues = [...name.issues, ...mojibake];
  if (!options.otherPatientNames) return { value: names, issues };
  const others = personNameValues(dataset, Attribute.OtherPatientNames);
  return {
    value: [...names, ...others.value.flatMap((other) => humanNames(other, options))],
    issues: [...issues, ...others.issues],
  };
}

const GENDERS: Readonly<Record<string, Patient['gender']>> = { M: 'male', F: 'female', O: 'other', U: 'unknown' };

function genderOf(dataset: DicomDataset): Reading<Patient['gender']> {
  const { value: sex, issues } = textValue(dataset, Attribute.PatientSex);
  if (sex === undefined) return { value: undefined, issues };
  const upperCase = sex.toUpperCase();
  const value = Object.hasOwn(GENDERS, upperCase) ? GENDERS[upperCase] : undefined;
  if (value !== undefined && sex === upperCase) return { value, issues };
  return { value, issues: [...issues, invalid(Attribute.PatientSex, 'expected M, F, O or U')] };
}

function birthDateOf(dataset: DicomDataset, options: MappingOptions): Reading<string | undefined> {
  const date = dateValue(dataset, Attribute.PatientBirthDate);
  if (date.value === undefined || options.today === undefined) return date;
  if (date.value <= options.today.slice(0, date.value.length)) return date;
  return { value: undefined, issues: [...date.issues, note(Attribute.PatientBirthDate, 'birth date in the future')] };
}

function extendedDemographics(
  dataset: DicomDataset,
  birthDate: string | undefined,
  options: MappingOptions,
): Reading<Pick<PatientProjection, 'phones' | 'addresses' | 'mothersMaidenName' | 'birthTime'>> {
  const phones = textValues(dataset, Attribute.PatientTelephoneNumbers);
  const addresses = textValues(dataset, Attribute.PatientAddress);
  const mother = personNameValue(dataset, Attribute.PatientMotherBirthName);
  const mothersMaidenName = mother.value === undefined ? undefined : displayName(mother.value);
  const birth = dateTimeOf(dataset, Attribute.PatientBirthDate, Attribute.PatientBirthTime, options);
  const birthTime = birthDate !== undefined && birth.value?.includes('T') === true ? birth.value : undefined;
  return {
    value: {
      ...(phones.value.length === 0 ? {} : { phones: phones.value }),
      ...(addresses.value.length === 0 ? {} : { addresses: addresses.value }),
      ...(mothersMaidenName === undefined ? {} : { mothersMaidenName }),
      ...(birthTime === undefined ? {} : { birthTime }),
    },
    issues: [phones, addresses, mother, birth].flatMap((reading) => reading.issues),
  };
}
