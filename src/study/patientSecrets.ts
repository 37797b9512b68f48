import type { Resource } from 'fhir/r4';
import { Attribute, type AttributeDefinition } from '../dicom/attributes';
import { isObject } from '../dicom/dataset';
import type { SimilarDataset } from '../dicom/similarDatasets';

/** Attributes whose values identify a patient, a visit or an order, wherever in an instance they stand; person names are told by their form. */
const IDENTIFYING: readonly AttributeDefinition[] = [
  Attribute.PatientID,
  Attribute.PatientName,
  Attribute.PatientBirthDate,
  Attribute.OtherPatientIDs,
  Attribute.OtherPatientNames,
  Attribute.PatientMotherBirthName,
  Attribute.PatientAddress,
  Attribute.PatientTelephoneNumbers,
  Attribute.AdmissionID,
  Attribute.AccessionNumber,
  Attribute.PlacerOrderNumberImagingServiceRequest,
  Attribute.FillerOrderNumberImagingServiceRequest,
  Attribute.ReferringPhysicianName,
];
const identifyingTags: ReadonlySet<string> = new Set(IDENTIFYING.map(({ tag }) => tag));

/** Adds every identifying text of elements, those of nested items included; the groups of a person name each by itself. */
export function collectPatientSecrets(elements: SimilarDataset['changed'], secrets: Set<string>): void {
  for (const { tag, element } of elements) {
    const { vr, values } = element;
    if (vr === 'PN' || identifyingTags.has(tag)) collect(values, secrets);
    else if (values.some(isObject)) for (const item of values) collectItem(item, secrets);
  }
}

function collectElement(tag: string, vr: unknown, values: unknown, secrets: Set<string>): void {
  if (vr === 'PN' || identifyingTags.has(tag.toUpperCase())) collect(values, secrets);
  else if (Array.isArray(values)) for (const value of values) collectItem(value, secrets);
}

/** A person name is told by the names of its groups (PS3.18 F.2.2), where an item says nothing of its value representation. */
function collectItem(value: unknown, secrets: Set<string>): void {
  if (!isObject(value)) return;
  if ('Alphabetic' in value || 'Ideographic' in value || 'Phonetic' in value) collect(value, secrets);
  // Without lists of entries: an enhanced image has an item for each of its frames.
  else
    for (const tag in value) {
      const element = value[tag];
      if (isObject(element)) collectElement(tag, element.vr, element.Value, secrets);
    }
}

function collect(value: unknown, secrets: Set<string>): void {
  if (typeof value === 'string' && value.trim() !== '') secrets.add(value.trim());
  else if (typeof value === 'number') secrets.add(String(value));
  else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) collect(part, secrets);
}

/** Elements that identify somebody: names, dates of birth, identifiers, telecom, addresses (FHIR R4, datatypes.html). */
const IDENTIFYING_ELEMENTS: ReadonlySet<string> = new Set([
  'family',
  'given',
  'birthDate',
  'value',
  'line',
  'city',
  'postalCode',
]);

/** Every distinct identifying text of these resources; UIDs are none. */
export function fhirSecrets(resources: readonly Resource[]): readonly string[] {
  const secrets = new Set<string>();
  for (const resource of resources) collectResource(resource, undefined, secrets);
  return [...secrets];
}

function collectResource(value: unknown, element: string | undefined, secrets: Set<string>): void {
  if (Array.isArray(value)) for (const part of value) collectResource(part, element, secrets);
  else if (isObject(value)) {
    // Without lists of entries: a study can have tens of thousands of instances.
    for (const name in value) collectResource(value[name], name, secrets);
    // A reference to a person names it; a coding has a display as well.
    if (!('code' in value)) collectResource(value.display, 'value', secrets);
    if ('family' in value || 'given' in value || 'postalCode' in value) collectResource(value.text, 'value', secrets);
  } else if (typeof value === 'string' && element !== undefined && IDENTIFYING_ELEMENTS.has(element))
    if (value.trim() !== '' && !value.startsWith('urn:oid:')) secrets.add(value.trim());
}
