import type { AttributeDefinition } from '../dicom/attributes';
import { type CodeItem, codeItems, sequenceIssues, sequenceItems } from '../dicom/codeSequence';
import { type DataIssue, joinedIssues, NO_ISSUES, type Reading } from '../dicom/dataIssue';
import type { DicomDataset } from '../dicom/dataset';

/** Takes the values out of readings and keeps their issues. */
export class IssueCollector {
  #issues = NO_ISSUES;

  get issues(): readonly DataIssue[] {
    return this.#issues;
  }

  take<T>({ value, issues }: Reading<T>): T {
    this.#issues = joinedIssues(this.#issues, issues);
    return value;
  }

  /** The items of a sequence; what stands among them and is none becomes an issue. */
  items(dataset: DicomDataset, attribute: AttributeDefinition): readonly DicomDataset[] {
    this.#issues = joinedIssues(this.#issues, sequenceIssues(dataset, attribute));
    return sequenceItems(dataset, attribute);
  }

  /** The codes of a sequence; `root` is the object that it stands in. */
  codes(dataset: DicomDataset, attribute: AttributeDefinition, root: DicomDataset = dataset): readonly CodeItem[] {
    this.#issues = joinedIssues(this.#issues, sequenceIssues(dataset, attribute));
    return codeItems(dataset, attribute, root);
  }

  add(...issues: readonly DataIssue[]): void {
    this.#issues = joinedIssues(this.#issues, issues);
  }
}
