import { Attribute } from '../../dicom/attributes';
import { type CodeItem, codeItemOf, sequenceIssues, sequenceItems } from '../../dicom/codeSequence';
import { note } from '../../dicom/dataIssue';
import type { DicomDataset } from '../../dicom/dataset';
import { textValue } from '../../dicom/text';
import { conceptKey } from '../coding';
import type { IssueCollector } from '../issueCollector';
import { type DoseConcept, keyOf } from './doseConcepts';

/** Value types that carry a value under a concept name (PS3.3 C.17.3.2.1). */
const NAMED_VALUE_TYPES = ['TEXT', 'NUM', 'CODE', 'DATETIME', 'DATE', 'TIME', 'UIDREF', 'PNAME'] as const;
const OTHER_VALUE_TYPES = [
  'CONTAINER',
  'COMPOSITE',
  'IMAGE',
  'WAVEFORM',
  'SCOORD',
  'SCOORD3D',
  'TCOORD',
  'TABLE',
] as const;
export type ValueType = (typeof NAMED_VALUE_TYPES)[number] | (typeof OTHER_VALUE_TYPES)[number];

/** What devices write instead. */
const ALIASES: Readonly<Record<string, ValueType>> = { 'PERSON NAME': 'PNAME' };

/** Referenced Content Item Identifier: an item that stands elsewhere in the tree. */
const BY_REFERENCE = '0040DB73';

/** One content item of a structured report. Its children are read when they are asked for, so depth costs nothing. */
export class ContentItem {
  #children: readonly ContentItem[] | undefined;

  private constructor(
    readonly dataset: DicomDataset,
    /** The whole object: it names coding schemes and the time zone. */
    readonly report: DicomDataset,
    readonly concept: string | undefined,
    readonly valueType: ValueType,
    private readonly issues: IssueCollector,
  ) {}

  /** @param issues receives what is wrong with the items that are looked at */
  static root(report: DicomDataset, issues: IssueCollector): ContentItem {
    return new ContentItem(report, report, conceptOf(report, report), 'CONTAINER', issues);
  }

  /** @returns the children of this concept and value type, in the order of the report; never deeper descendants */
  named(concept: DoseConcept, valueType: ValueType): readonly ContentItem[] {
    const key = keyOf(concept);
    return this.children.filter((child) => child.concept === key && child.valueType === valueType);
  }

  /** @returns the code that the first such child has for its value */
  codeNamed(concept: DoseConcept): CodeItem | undefined {
    return this.named(concept, 'CODE')[0]?.code;
  }

  /** The value of a CODE item. */
  get code(): CodeItem | undefined {
    return codeItemOf(this.dataset, Attribute.ConceptCodeSequence, this.report);
  }

  private get children(): readonly ContentItem[] {
    this.#children ??= this.readChildren();
    return this.#children;
  }

  private readChildren(): readonly ContentItem[] {
    this.issues.add(...sequenceIssues(this.dataset, Attribute.ContentSequence));
    return sequenceItems(this.dataset, Attribute.ContentSequence).flatMap((item) => this.readChild(item) ?? []);
  }

  private readChild(item: DicomDataset): ContentItem | undefined {
    if (item.elements.has(BY_REFERENCE)) return undefined;
    const valueType = valueTypeOf(item);
    if (valueType === undefined) {
      this.issues.add(note(Attribute.ValueType, 'expected a known value type, the content item is left out'));
      return undefined;
    }
    const concept = conceptOf(item, this.report);
    if (concept === undefined && isNamed(valueType)) {
      this.issues.add(note(Attribute.ConceptNameCodeSequence, 'expected a concept name, the content item is left out'));
      return undefined;
    }
    return new ContentItem(item, this.report, concept, valueType, this.issues);
  }
}

function conceptOf(item: DicomDataset, report: DicomDataset): string | undefined {
  const name = codeItemOf(item, Attribute.ConceptNameCodeSequence, report);
  return name === undefined ? undefined : conceptKey(name);
}

function valueTypeOf(item: DicomDataset): ValueType | undefined {
  const text = textValue(item, Attribute.ValueType).value?.toUpperCase() ?? '';
  const known: readonly ValueType[] = [...NAMED_VALUE_TYPES, ...OTHER_VALUE_TYPES];
  return known.find((valueType) => valueType === text) ?? (Object.hasOwn(ALIASES, text) ? ALIASES[text] : undefined);
}

function isNamed(valueType: ValueType): boolean {
  return NAMED_VALUE_TYPES.some((named) => named === valueType);
}
