import { Attribute, type AttributeDefinition } from './attributes';
import type { DataIssue, Reading } from './dataIssue';
import type { DicomDataset } from './dataset';
import { sequenceItems, sequenceIssues } from './codeSequence';
import { textValue } from './text';

/** Who issued an identifier (PS3.3 table 10-17, HL7v2 Hierarchic Designator). */
export interface IssuerOfIdentifier {
  readonly local?: string;
  readonly universal?: { readonly id: string; readonly type: string };
}

/** @returns what the attributes (0040,0031), (0040,0032) and (0040,0033) of one item say; undefined when nothing */
export function issuerOfItem(item: DicomDataset): IssuerOfIdentifier | undefined {
  const local = textValue(item, Attribute.LocalNamespaceEntityID).value;
  const id = textValue(item, Attribute.UniversalEntityID).value;
  const type = textValue(item, Attribute.UniversalEntityIDType).value;
  return issuerOf(local, id, type);
}

/**
 * @param sequence the issuer sequence of the identifier; only its first item counts
 * @param localAttribute where the local namespace may also stand as plain text, which then wins, as (0010,0021) does
 */
export function issuerValue(
  dataset: DicomDataset,
  sequence: AttributeDefinition,
  localAttribute?: AttributeDefinition,
): Reading<IssuerOfIdentifier | undefined> {
  const issues: DataIssue[] = [...sequenceIssues(dataset, sequence)];
  const [item] = sequenceItems(dataset, sequence);
  const fromItem = item === undefined ? undefined : issuerOfItem(item);
  if (localAttribute === undefined) return { value: fromItem, issues };
  const plain = textValue(dataset, localAttribute);
  const local = plain.value ?? fromItem?.local;
  return {
    value: issuerOf(local, fromItem?.universal?.id, fromItem?.universal?.type),
    issues: [...issues, ...plain.issues],
  };
}

function issuerOf(
  local: string | undefined,
  id: string | undefined,
  type: string | undefined,
): IssuerOfIdentifier | undefined {
  if (local === undefined && id === undefined) return undefined;
  return {
    ...(local === undefined ? {} : { local }),
    // a universal id without its type cannot be resolved, but can be looked up and displayed
    ...(id === undefined ? {} : { universal: { id, type: type?.toUpperCase() ?? '' } }),
  };
}
