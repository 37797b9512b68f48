import type { Device } from 'fhir/r4';
import { Attribute } from '../dicom/attributes';
import type { DicomDataset } from '../dicom/dataset';
import { textValue } from '../dicom/text';
import type { PatientProjection } from './patientProjection';
import { type CastSource, metaOf } from './source';

/** Whether an instance shows a phantom or another object of quality control, Quality Control Subject (0010,0200) (PS3.3 C.7.1.1). */
export function isQualityControl(dataset: DicomDataset): boolean {
  return textValue(dataset, Attribute.QualityControlSubject).value?.toUpperCase() === 'YES';
}

/** @returns a new Device of ours, the subject of studies of a phantom; its name is what the modality wrote as the patient's */
export function newDevice({ identifier, names }: PatientProjection, source: CastSource): Device {
  const [name] = names;
  const text = name?.text ?? name?.family ?? name?.given?.[0];
  return {
    resourceType: 'Device',
    meta: metaOf(source),
    identifier: [identifier],
    status: 'active',
    ...(text === undefined ? {} : { deviceName: [{ name: text, type: 'user-friendly-name' }] }),
  };
}
