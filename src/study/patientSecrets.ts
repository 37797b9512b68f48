import { Attribute, type AttributeDefinition } from '../dicom/attributes';
import { type DicomDataset, rawValues } from '../dicom/dataset';

/** Attributes whose values identify a patient or an order: nothing that a server says may repeat them. */
const IDENTIFYING: readonly AttributeDefinition[] = [
  Attribute.PatientID,
  Attribute.PatientName,
  Attribute.PatientBirthDate,
  Attribute.OtherPatientIDs,
  Attribute.OtherPatientNames,
  Attribute.AccessionNumber,
  Attribute.ReferringPhysicianName,
];

/** Every distinct identifying text of these instances; the groups of a person name each by itself. */
export function patientSecrets(datasets: readonly DicomDataset[]): readonly string[] {
  const secrets = new Set<string>();
  for (const dataset of datasets) {
    for (const attribute of IDENTIFYING) {
      for (const value of rawValues(dataset, attribute)) collect(value, secrets);
    }
    for (const item of otherIds(dataset)) collect(item, secrets);
  }
  return [...secrets];
}

function otherIds(dataset: DicomDataset): readonly unknown[] {
  return rawValues(dataset, Attribute.OtherPatientIDsSequence).flatMap((item) =>
    typeof item === 'object' && item !== null
      ? [(item as Readonly<Record<string, { Value?: unknown } | undefined>>)[Attribute.PatientID.tag]?.Value]
      : [],
  );
}

function collect(value: unknown, secrets: Set<string>): void {
  if (typeof value === 'string' && value.trim() !== '') secrets.add(value.trim());
  else if (typeof value === 'number') secrets.add(String(value));
  else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) collect(part, secrets);
}
