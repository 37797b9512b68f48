import { Attribute } from '../../dicom/attributes';
import { dateTimeOf, dateTimeValue } from '../../dicom/dates';
import { instantKey } from '../instants';
import type { IssueCollector } from '../issueCollector';
import type { MappingOptions } from '../options';
import { compareCodeUnits } from '../plurality';
import type { ContentItem } from './contentTree';
import { Concept, type DoseConcept } from './doseConcepts';

/** Where the header says when a report was made, best first. */
const HEADER_TIMES = [
  [Attribute.ContentDate, Attribute.ContentTime],
  [Attribute.SeriesDate, Attribute.SeriesTime],
  [Attribute.StudyDate, Attribute.StudyTime],
] as const;

/** @returns when the irradiation that a report sums up began: as it says itself, else its first event, else its header */
export function reportTime(root: ContentItem, options: MappingOptions, issues: IssueCollector): string | undefined {
  const events = [Concept.CtAcquisition, Concept.XRayEvent].flatMap((concept) => root.named(concept, 'CONTAINER'));
  const administrations = root.named(Concept.Administration, 'CONTAINER');
  return (
    earliest([root], Concept.StartOfIrradiation, options, issues) ??
    earliest(events, Concept.DateTimeStarted, options, issues) ??
    earliest(administrations, Concept.AdministrationStart, options, issues) ??
    headerTime(root, options, issues)
  );
}

/** @returns when an event began; undefined where the report does not say it: the time of the report would be another one */
export function eventTime(event: ContentItem, options: MappingOptions, issues: IssueCollector): string | undefined {
  return (
    earliest([event], Concept.DateTimeStarted, options, issues) ??
    earliest([event], Concept.AdministrationStart, options, issues)
  );
}

function earliest(
  items: readonly ContentItem[],
  concept: DoseConcept,
  options: MappingOptions,
  issues: IssueCollector,
): string | undefined {
  const times = items
    .flatMap((item) => item.named(concept, 'DATETIME'))
    .flatMap(
      ({ dataset, report }) =>
        issues.take(
          dateTimeValue(dataset, Attribute.DateTime, { defaultTimeZone: options.defaultTimeZone, zoneOf: report }),
        ) ?? [],
    );
  return times.sort((a, b) => Date.parse(a) - Date.parse(b) || compareCodeUnits(instantKey(a), instantKey(b)))[0];
}

function headerTime({ report }: ContentItem, options: MappingOptions, issues: IssueCollector): string | undefined {
  for (const [date, time] of HEADER_TIMES) {
    const value = issues.take(dateTimeOf(report, date, time, options));
    if (value !== undefined) return value;
  }
  return undefined;
}
