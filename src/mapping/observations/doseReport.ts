import type { DicomDataset } from '../../dicom/dataset';
import type { IssueCollector } from '../issueCollector';
import { ContentItem } from './contentTree';
import { reportKind, type ReportKind } from './reportKind';

/** One live, valid structured report of a study. */
export interface StructuredReport {
  readonly instanceUid: string;
  readonly dataset: DicomDataset;
}

/** A structured report about dose. */
export interface DoseReport {
  readonly instanceUid: string;
  readonly kind: ReportKind;
  readonly root: ContentItem;
}

/** @returns the report when it is one about dose; nothing is said of others */
export function doseReportOf(report: StructuredReport, issues: IssueCollector): DoseReport | undefined {
  const root = ContentItem.root(report.dataset, issues);
  const kind = reportKind(root);
  return kind === undefined ? undefined : { instanceUid: report.instanceUid, kind, root };
}
