import type { Identifier, Reference } from 'fhir/r4';
import type { AttributeDefinition } from '../dicom/attributes';
import { Attribute } from '../dicom/attributes';
import { codeItems } from '../dicom/codeSequence';
import type { DicomDataset } from '../dicom/dataset';
import { personNameValues } from '../dicom/personName';
import { displayName } from './humanName';
import type { IssueCollector } from './issueCollector';
import type { MappingOptions } from './options';

/**
 * Persons as logical references: their name as people write it, and their code where a system for it is configured.
 * Names and identification items are paired by position, and only where there are as many of the one as of the other.
 */
export function readPersons(
  dataset: DicomDataset,
  names: AttributeDefinition,
  identifications: AttributeDefinition,
  options: MappingOptions,
  collector: IssueCollector,
): readonly Reference[] {
  const persons = collector.take(personNameValues(dataset, names));
  const items = collector.items(dataset, identifications);
  return persons.flatMap((person, index) => {
    const display = displayName(person);
    if (display === undefined) return [];
    const identifier = items.length === persons.length ? identifierOf(items[index], options) : undefined;
    return [{ type: 'Practitioner', ...(identifier === undefined ? {} : { identifier }), display }];
  });
}

function identifierOf(item: DicomDataset | undefined, options: MappingOptions): Identifier | undefined {
  if (item === undefined || options.personIdSystem === undefined) return undefined;
  const code = codeItems(item, Attribute.PersonIdentificationCodeSequence)[0]?.code;
  return code === undefined ? undefined : { system: options.personIdSystem, value: code };
}
