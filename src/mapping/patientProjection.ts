import type { HumanName, Identifier, Patient } from 'fhir/r4';
import { Attribute } from '../dicom/attributes';
import { note, type Reading } from '../dicom/dataIssue';
import { identifierKey } from './identifiers';
import { type Counted, pluralityOf, sortedUnion } from './plurality';

/** What DICOM says about a patient: one instance of a study, or all of them together. */
export interface PatientProjection {
  /** The only key that a Patient is matched by. */
  readonly identifier: Identifier;
  /** It is no patient: the study's subject is a Device. */
  readonly isPhantom?: true;
  readonly otherIdentifiers: readonly Identifier[];
  readonly names: readonly HumanName[];
  readonly gender?: Patient['gender'];
  /** With the precision that was given. */
  readonly birthDate?: string;
  readonly phones?: readonly string[];
  readonly addresses?: readonly string[];
  readonly mothersMaidenName?: string;
  /** FHIR dateTime. */
  readonly birthTime?: string;
}

/** @returns text that is equal for what one resource stands for: a patient, or a phantom that has the identifier of one */
export function subjectKey({ identifier, isPhantom }: PatientProjection): string {
  return `${isPhantom === true ? 'Device' : 'Patient'} ${identifierKey(identifier)}`;
}

/**
 * Joins what the instances of a study say: the patient whom most of them name, with the value that most of those
 * instances give for each element, and all their other identifiers.
 *
 * @returns undefined when no instance names a patient; a note when they name several
 */
export function projectPatient(
  patients: readonly Counted<PatientProjection>[],
): Reading<PatientProjection | undefined> {
  const key = pluralityOf(patients, subjectKey);
  const same = patients.filter(({ value }) => subjectKey(value) === key);
  const identifier = pluralityOf(same, (patient) => patient.identifier);
  if (identifier === undefined) return { value: undefined, issues: [] };
  const phantom = same.some(({ value }) => value.isPhantom === true) ? ({ isPhantom: true } as const) : {};
  const mismatch = same.length < patients.length;
  return {
    value: { identifier, ...phantom, ...joined(same, identifierKey(identifier)) },
    issues: mismatch ? [note(Attribute.PatientID, 'patient-mismatch: the study names several patients')] : [],
  };
}

function joined(same: readonly Counted<PatientProjection>[], mainKey: string): Omit<PatientProjection, 'identifier'> {
  const gender = pluralityOf(same, (patient) => patient.gender);
  const birthDate = pluralityOf(same, (patient) => patient.birthDate);
  const phones = pluralityOf(same, (patient) => patient.phones);
  const addresses = pluralityOf(same, (patient) => patient.addresses);
  const mothersMaidenName = pluralityOf(same, (patient) => patient.mothersMaidenName);
  const birthTime = pluralityOf(same, (patient) => (patient.birthDate === birthDate ? patient.birthTime : undefined));
  return {
    otherIdentifiers: sortedUnion(
      same.flatMap(({ value }) => value.otherIdentifiers),
      identifierKey,
    ).filter((identifier) => identifierKey(identifier) !== mainKey),
    names: pluralityOf(same, ({ names }) => (names.length === 0 ? undefined : names)) ?? [],
    ...(gender === undefined ? {} : { gender }),
    ...(birthDate === undefined ? {} : { birthDate }),
    ...(phones === undefined ? {} : { phones }),
    ...(addresses === undefined ? {} : { addresses }),
    ...(mothersMaidenName === undefined ? {} : { mothersMaidenName }),
    ...(birthTime === undefined ? {} : { birthTime }),
  };
}
