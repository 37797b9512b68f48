import type { Reference } from 'fhir/r4';
import { Attribute } from '../../dicom/attributes';
import { textValue } from '../../dicom/text';
import { identifierType } from '../identifiers';
import type { ContentItem } from './contentTree';
import { Concept, type DoseConcept } from './doseConcepts';

/** @returns the modality as a logical reference: maker and model, found by its serial number; undefined when nothing is known */
export function irradiatingDevice(root: ContentItem): Reference | undefined {
  const header = (attribute: Parameters<typeof textValue>[1]): string | undefined =>
    textValue(root.report, attribute).value;
  const maker = header(Attribute.Manufacturer) ?? textNamed(root, Concept.DeviceManufacturer);
  const model = header(Attribute.ManufacturerModelName) ?? textNamed(root, Concept.DeviceModelName);
  const serial = header(Attribute.DeviceSerialNumber) ?? textNamed(root, Concept.DeviceSerialNumber);
  const display = [maker, model].filter((text) => text !== undefined).join(' ');
  if (display === '' && serial === undefined) return undefined;
  return {
    type: 'Device',
    ...(serial === undefined ? {} : { identifier: { type: identifierType('SNO'), value: serial } }),
    ...(display === '' ? {} : { display }),
  };
}

function textNamed(root: ContentItem, concept: DoseConcept): string | undefined {
  const [item] = root.named(concept, 'TEXT');
  return item === undefined ? undefined : textValue(item.dataset, Attribute.TextValue).value;
}
