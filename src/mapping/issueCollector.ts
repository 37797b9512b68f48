import type { AttributeDefinition } from '../dicom/attributes';
import { type CodeItem, codeItems, sequenceIssues, sequenceItems } from '../dicom/codeSequence';
import { type DataIssue, NO_ISSUES, type Reading } from '../dicom/dataIssue';
import type { DicomDataset } from '../dicom/dataset';

/** Takes the values out of readings and keeps their issues. */
export class IssueCollector {
  #issues = NO_ISSUES;
  /** Once there is more than one list: nearly always there is none. */
  #joined: DataIssue[] | undefined;

  get issues(): readonly DataIssue[] {
    return this.#joined ?? this.#issues;
  }

  take<T>({ value, issues }: Reading<T>): T {
    this.#take(issues);
    return value;
  }

  /** The items of a sequence; what stands among them and is none becomes an issue. */
  items(dataset: DicomDataset, attribute: AttributeDefinition): readonly DicomDataset[] {
    this.#take(sequenceIssues(dataset, attribute));
    return sequenceItems(dataset, attribute);
  }

  /** The codes of a sequence; `root` is the object that it stands in. */
  codes(dataset: DicomDataset, attribute: AttributeDefinition, root: DicomDataset = dataset): readonly CodeItem[] {
    this.#take(sequenceIssues(dataset, attribute));
    return codeItems(dataset, attribute, root);
  }

  add(...issues: readonly DataIssue[]): void {
    this.#take(issues);
  }

  #take(issues: readonly DataIssue[]): void {
    if (issues.length === 0) return;
    if (this.#joined !== undefined) this.#joined.push(...issues);
    else if (this.#issues.length === 0) this.#issues = issues;
    else this.#joined = [...this.#issues, ...issues];
  }
}
