import type { Reference } from 'fhir/r4';
import { Attribute } from '../../dicom/attributes';
import { sequenceItems } from '../../dicom/codeSequence';
import type { DicomDataset } from '../../dicom/dataset';
import { issuerValue } from '../../dicom/issuer';
import { textValue } from '../../dicom/text';
import { accessionIdentifier } from '../identifiers';
import type { MappingOptions } from '../options';
import { sortedUnion } from '../plurality';

/** @returns the orders of a report as logical references, by their accession numbers */
export function reportOrders(report: DicomDataset, options: MappingOptions): readonly Reference[] {
  const items = [report, ...sequenceItems(report, Attribute.ReferencedRequestSequence)];
  const orders = items.flatMap((item): readonly Reference[] => {
    // Problems of these attributes are found where the study itself is read.
    const value = textValue(item, Attribute.AccessionNumber).value;
    if (value === undefined) return [];
    const issuer = issuerValue(item, Attribute.IssuerOfAccessionNumberSequence).value;
    return [{ type: 'ServiceRequest', identifier: accessionIdentifier(value, issuer, options) }];
  });
  return sortedUnion(orders, (order) => JSON.stringify(order));
}
