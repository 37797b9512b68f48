import type { CodeableConcept, Observation } from 'fhir/r4';
import { Attribute } from '../../dicom/attributes';
import { note } from '../../dicom/dataIssue';
import { uidValue } from '../../dicom/uid';
import { codeableConceptOf, conceptKey } from '../coding';
import type { IssueCollector } from '../issueCollector';
import type { MappingOptions } from '../options';
import { compareCodeUnits } from '../plurality';
import type { ContentItem } from './contentTree';
import {
  administrationRows,
  componentsOf,
  type ComponentRow,
  ctEventRows,
  planeName,
  xRayEventRows,
} from './doseComponents';
import { Concept, type DoseConcept, keyOf } from './doseConcepts';
import { doseStudyIdentifier, eventIdentifier, planeIdentifier, reportIdentifier } from './doseIdentifiers';
import { doseObservation, EVENT_CODE } from './doseObservation';
import type { DoseReport } from './doseReport';
import { eventTime } from './effectiveTime';
import { irradiatingDevice } from './irradiatingDevice';
import type { ObservationProjection, ObservationReferences } from './observationProjection';
import { reportStatus } from './reportStatus';

/** One event as one report lists it. */
interface ListedEvent {
  readonly eventUid: string;
  /** Code of the plane of a biplane system; empty for every other event. */
  readonly plane: string;
  readonly item: ContentItem;
  readonly rows: readonly ComponentRow[];
  readonly report: DoseReport;
}

/** Containers of events at the root of a report, and what their UID is called. */
const EVENT_KINDS: readonly (readonly [container: DoseConcept, uid: DoseConcept, rows: readonly ComponentRow[]])[] = [
  [Concept.CtAcquisition, Concept.IrradiationEventUid, ctEventRows],
  [Concept.XRayEvent, Concept.IrradiationEventUid, xRayEventRows],
  [Concept.Administration, Concept.AdministrationEventUid, administrationRows],
];

/**
 * Reports of one study overlap: cumulative ones list the events of those before. So an event is one Observation of the study, shared by the
 * reports that list it, and has its content from the one with the smallest SOP Instance UID.
 * @param reports in the order of their SOP Instance UIDs
 */
export function irradiationEvents(
  studyUid: string,
  reports: readonly DoseReport[],
  options: MappingOptions,
  issues: IssueCollector,
): readonly ObservationProjection[] {
  const listed = new Map<string, ListedEvent[]>();
  for (const event of withDistinctPlanes(reports.flatMap((report) => eventsOf(report, issues)))) {
    const key = JSON.stringify([event.eventUid, event.plane]);
    listed.set(key, [...(listed.get(key) ?? []), event]);
  }
  return [...listed]
    .sort(([a], [b]) => compareCodeUnits(a, b))
    .flatMap(([, [first, ...more]]) =>
      first === undefined ? [] : [eventProjection(studyUid, first, more, options, issues)],
    );
}

/** Where one event of a UID names its plane, those that do not must not be found by less than it is: a search would match both. */
function withDistinctPlanes(events: readonly ListedEvent[]): readonly ListedEvent[] {
  const biplane = new Set(events.filter(({ plane }) => plane !== '').map(({ eventUid }) => eventUid));
  return events.map((event) =>
    event.plane === '' && biplane.has(event.eventUid) ? { ...event, plane: OTHER_PLANE } : event,
  );
}

const OTHER_PLANE = 'none';

function eventsOf(report: DoseReport, issues: IssueCollector): readonly ListedEvent[] {
  return EVENT_KINDS.flatMap(([container, uid, rows]) =>
    report.root.named(container, 'CONTAINER').flatMap((item): readonly ListedEvent[] => {
      const eventUid = uidNamed(item, uid, issues);
      if (eventUid === undefined) {
        issues.add(note(Attribute.UID, 'expected the UID of an irradiation event, the event is left out'));
        return [];
      }
      return [{ eventUid, plane: planeOf(item), item, rows, report }];
    }),
  );
}

function uidNamed(item: ContentItem, concept: DoseConcept, issues: IssueCollector): string | undefined {
  const [child] = item.named(concept, 'UIDREF');
  return child === undefined ? undefined : issues.take(uidValue(child.dataset, Attribute.UID));
}

/** The planes of a biplane system may share the UID of the event, so the plane is part of what such an event is found by. */
function planeOf(item: ContentItem): string {
  const plane = item.codeNamed(Concept.AcquisitionPlane);
  const key = plane === undefined ? undefined : conceptKey(plane);
  return [Concept.PlaneA, Concept.PlaneB].find((concept) => keyOf(concept) === key)?.code ?? '';
}

function eventProjection(
  studyUid: string,
  { eventUid, plane, item, rows, report }: ListedEvent,
  more: readonly ListedEvent[],
  options: MappingOptions,
  issues: IssueCollector,
): ObservationProjection {
  const key = [
    eventIdentifier(eventUid),
    ...(plane === '' ? [] : [planeIdentifier(eventUid, plane)]),
    doseStudyIdentifier(studyUid),
  ];
  const instanceUids = new Set([report, ...more.map((event) => event.report)].map(({ instanceUid }) => instanceUid));
  const status = reportStatus(report.root.report);
  const time = eventTime(item, options, issues);
  const bodySite = targetRegion(item, options);
  const device = irradiatingDevice(report.root);
  const component = componentsOf([{ item }], rows, options, issues);
  const code = eventCode(item, plane);

  const build = (references: ObservationReferences): Observation => ({
    ...doseObservation([...key, ...[...instanceUids].map(reportIdentifier)], status, code, studyUid, references),
    ...(time === undefined ? {} : { effectiveDateTime: time }),
    ...(bodySite === undefined ? {} : { bodySite }),
    ...(device === undefined ? {} : { device }),
    ...(component.length === 0 ? {} : { component: [...component] }),
  });
  return { key, code: EVENT_CODE, build };
}

function eventCode(item: ContentItem, plane: string): CodeableConcept {
  const acquisitionPlane = plane === '' ? undefined : item.codeNamed(Concept.AcquisitionPlane);
  const name = acquisitionPlane === undefined ? undefined : planeName(acquisitionPlane);
  return { coding: [EVENT_CODE], ...(name === undefined ? {} : { text: `${EVENT_CODE.display ?? ''} - ${name}` }) };
}

/** The region with its side in the text: FHIR has no place of its own for the laterality of a body site. */
function targetRegion(item: ContentItem, options: MappingOptions): CodeableConcept | undefined {
  const [region] = item.named(Concept.TargetRegion, 'CODE');
  if (region?.code === undefined) return undefined;
  const concept = codeableConceptOf(region.code, options);
  const side = region.codeNamed(Concept.Laterality);
  if (concept === undefined || side === undefined) return concept;
  const text = [region.code.meaning, side.meaning ?? side.code].filter((part) => part !== undefined).join(' - ');
  return text === '' ? concept : { ...concept, text };
}
