import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Observation } from 'fhir/r4';
import type { DataIssue } from '../../../../src/dicom/dataIssue';
import { isObject, readDataset } from '../../../../src/dicom/dataset';
import { Attribute } from '../../../../src/dicom/attributes';
import { uidValue } from '../../../../src/dicom/uid';
import type { StructuredReport } from '../../../../src/mapping/observations/doseReport';
import type { ObservationReferences } from '../../../../src/mapping/observations/observationProjection';
import { projectObservations } from '../../../../src/mapping/observations/projectObservations';
import { defaultMappingOptions, type MappingOptions } from '../../../../src/mapping/options';

const FIXTURES = join(__dirname, '../../../fixtures/dose-reports/dose-reports.ndjson');

/** Root of the UIDs of the fixtures: studies are numbered by their vector. */
const ROOT = '1.2.826.0.1.3680043.10.1338';

export interface Fixture {
  readonly name: string;
  readonly vector: number;
  readonly dicom: Readonly<Record<string, unknown>>;
}

export const fixtures: readonly Fixture[] = readFileSync(FIXTURES, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Fixture);

/** The DICOM JSON of a fixture, which the caller may change. */
export function dicomOf(name: string): Record<string, unknown> {
  const fixture = fixtures.find((candidate) => candidate.name === name);
  if (fixture === undefined) throw new Error(`There is no fixture ${name}`);
  return structuredClone(fixture.dicom);
}

export function reportOf(dicom: unknown): StructuredReport {
  const dataset = readDataset(dicom);
  return { instanceUid: uidValue(dataset, Attribute.SOPInstanceUID).value ?? '', dataset };
}

export function reports(...names: readonly string[]): readonly StructuredReport[] {
  return names.map((name) => reportOf(dicomOf(name)));
}

export const studyUid = (vector: number): string => `${ROOT}.${vector}`;
export const reportUrn = (vector: number, number: number): string => `urn:oid:${ROOT}.${vector}.1.${number}`;
export const eventUrn = (vector: number, number: number): string => `urn:oid:${ROOT}.${vector}.2.${number}`;

export const references: ObservationReferences = {
  subject: { reference: 'Patient/p', type: 'Patient' },
  study: { reference: 'ImagingStudy/s', type: 'ImagingStudy' },
  source: { address: 'https://dicom.example/v2' },
};

export interface Projected {
  readonly summaries: readonly Observation[];
  readonly events: readonly Observation[];
  readonly all: readonly Observation[];
  readonly issues: readonly DataIssue[];
}

/** The Observations of a study, built. */
export function project(
  vector: number,
  given: readonly StructuredReport[],
  options: Partial<MappingOptions> = {},
  refs: ObservationReferences = references,
): Projected {
  const study = { partition: 'Microsoft.Default', uid: studyUid(vector) };
  const projection = projectObservations(study, given, { ...defaultMappingOptions, ...options });
  const all = projection.observations.map((observation) => observation.build(refs));
  const withCode = (code: string): readonly Observation[] => all.filter((one) => one.code.coding?.[0]?.code === code);
  return { summaries: withCode('73569-6'), events: withCode('113852'), all, issues: projection.issues };
}

/** All components of a code, without it. */
export function components(observation: Observation | undefined, code: string): readonly unknown[] {
  return (observation?.component ?? [])
    .filter((component) => component.code.coding?.[0]?.code === code)
    .map(({ code: { text }, ...value }) => ({ text, ...value }));
}

/** Values of the identifiers that have this type in the guide's system. */
export function identifiers(observation: Observation | undefined, type: string): readonly (string | undefined)[] {
  return (observation?.identifier ?? [])
    .filter((identifier) => identifier.type?.coding?.some(({ code }) => code === type))
    .map(({ value }) => value);
}

/** A UCUM quantity. */
export function ucum(value: number, code: string, unit = code): { readonly valueQuantity: unknown } {
  return { valueQuantity: { value, unit, system: 'http://unitsofmeasure.org', code } };
}

/** What breaks rules of FHIR that apply to every Observation; paths only. */
export function problemsOf(observation: Observation): readonly string[] {
  const problems: string[] = [];
  const visit = (value: unknown, path: string): void => {
    if (value === undefined || value === null || value === '') problems.push(`${path} is empty`);
    if (typeof value === 'string' && value !== value.trim()) problems.push(`${path} has blanks at its ends`);
    if (Array.isArray(value) && value.length === 0) problems.push(`${path} is an empty array`);
    if (isObject(value)) {
      if (Object.keys(value).length === 0) problems.push(`${path} is an empty object`);
      if (typeof value.system === 'string' && !/^(https?|urn):/.test(value.system))
        problems.push(`${path}.system is relative`);
    }
    if (typeof value === 'object' && value !== null) {
      for (const [key, member] of Object.entries(value)) visit(member, `${path}.${key}`);
    }
  };
  visit(observation, 'Observation');
  for (const { code, dataAbsentReason, ...component } of observation.component ?? []) {
    const values = Object.keys(component).filter((key) => key.startsWith('value'));
    if (values.length + Number(dataAbsentReason !== undefined) !== 1) problems.push('obs-6: a value or a reason');
    if (component.valueQuantity?.code !== undefined && component.valueQuantity.system === undefined)
      problems.push('qty-3');
    const own = observation.code.coding?.[0]?.code;
    if (observation.valueString !== undefined && code.coding?.some((coding) => coding.code === own))
      problems.push('obs-7');
  }
  for (const contained of observation.contained ?? []) {
    const text = JSON.stringify({ ...observation, contained: undefined });
    if (!text.includes(`"#${String(contained.id)}"`)) problems.push('dom-3: contained, but not referenced');
  }
  return problems;
}
