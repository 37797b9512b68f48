import { type DataIssue, distinctIssues } from '../../dicom/dataIssue';
import type { StudyKey } from '../../dicom/studyKey';
import { IssueCollector } from '../issueCollector';
import type { MappingOptions } from '../options';
import { compareCodeUnits } from '../plurality';
import { doseReportOf, type StructuredReport } from './doseReport';
import { doseSummary } from './doseSummary';
import { irradiationEvents } from './irradiationEvent';
import type { ObservationProjection } from './observationProjection';

/**
 * The dose Observations of a study: one summary for each dose report, one event for each irradiation event. A pure function of the
 * live reports, whatever their order; reports that are not about dose give nothing.
 */
export function projectObservations(
  study: StudyKey,
  reports: readonly StructuredReport[],
  options: MappingOptions,
): { readonly observations: readonly ObservationProjection[]; readonly issues: readonly DataIssue[] } {
  if (options.observations === 'off' || reports.length === 0) return { observations: [], issues: [] };
  const issues = new IssueCollector();
  const doseReports = distinctReports(reports).flatMap((report) => doseReportOf(report, issues) ?? []);
  const summaries = doseReports.map((report) => doseSummary(study.uid, report, options, issues));
  const events = options.observations === 'summary' ? [] : irradiationEvents(study.uid, doseReports, options, issues);
  return { observations: [...summaries, ...events], issues: distinctIssues(issues.issues) };
}

/** By SOP Instance UID; a service that lists an instance twice changes nothing. */
function distinctReports(reports: readonly StructuredReport[]): readonly StructuredReport[] {
  const byUid = new Map<string, StructuredReport>();
  for (const report of reports) {
    const present = byUid.get(report.instanceUid);
    if (present === undefined || contentOf(report) < contentOf(present)) byUid.set(report.instanceUid, report);
  }
  return [...byUid.values()].sort((a, b) => compareCodeUnits(a.instanceUid, b.instanceUid));
}

/** Whatever the order of its elements is. */
function contentOf({ dataset }: StructuredReport): string {
  return JSON.stringify([...dataset.elements].sort(([a], [b]) => compareCodeUnits(a, b)));
}
