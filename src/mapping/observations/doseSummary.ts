import type { Observation, ObservationComponent, Reference } from 'fhir/r4';
import type { IssueCollector } from '../issueCollector';
import type { MappingOptions } from '../options';
import { literalOrders } from '../orders';
import { IDENTIFIER_TYPE_SYSTEM } from '../systems';
import type { ContentItem } from './contentTree';
import {
  administrationRows,
  codedValue,
  componentsOf,
  ctAccumulatedRows,
  type DoseContainer,
  planeName,
  xRayAccumulatedRows,
} from './doseComponents';
import { Concept } from './doseConcepts';
import { doseStudyIdentifier, reportIdentifier } from './doseIdentifiers';
import { doseObservation, SUMMARY_CODE } from './doseObservation';
import type { DoseReport } from './doseReport';
import { reportTime } from './effectiveTime';
import { irradiatingDevice } from './irradiatingDevice';
import type { ObservationProjection, ObservationReferences } from './observationProjection';
import { authorizerOf } from './performer';
import { reportOrders } from './reportOrders';
import { reportStatus } from './reportStatus';
import { summaryText } from './summaryText';

const SUMMARY_PROFILE = 'http://hl7.org/fhir/uv/radiation-dose-summary/StructureDefinition/radiation-dose-summary';

/** @returns what one dose report adds up to (HL7 guide "Radiation Dose Summary" 1.0.0) */
export function doseSummary(
  studyUid: string,
  { instanceUid, root, kind }: DoseReport,
  options: MappingOptions,
  issues: IssueCollector,
): ObservationProjection {
  const identifiers = [reportIdentifier(instanceUid), doseStudyIdentifier(studyUid)];
  const status = reportStatus(root.report);
  const orders = reportOrders(root.report, options);
  const time = reportTime(root, options, issues);
  const authorizer = authorizerOf(root, options, issues);
  const device = irradiatingDevice(root);
  const sums = kind === 'x-ray' ? xRaySums(root, options, issues) : administrationSums(root, options, issues);
  const components = [...sums, ...proceduresReported(root, options)];
  const text = summaryText(components);

  const build = (references: ObservationReferences): Observation => {
    const code = { coding: [SUMMARY_CODE] };
    const observation: Observation = {
      ...doseObservation(identifiers, status, code, studyUid, references),
      ...(authorizer === undefined ? {} : { contained: [authorizer.practitioner], performer: [authorizer.reference] }),
      ...(orders.length === 0 ? {} : { basedOn: literalOrders(orders, references.orders).map(withDisplay) }),
      focus: [references.study],
      ...(time === undefined ? {} : { effectiveDateTime: time }),
      ...(text === undefined ? {} : { valueString: text }),
      ...(device === undefined ? {} : { device }),
      derivedFrom: [references.study],
      ...(components.length === 0 ? {} : { component: components }),
    };
    const profile = options.doseSummaryProfile && meetsProfile(observation) ? { profile: [SUMMARY_PROFILE] } : {};
    return { ...observation, meta: { ...observation.meta, ...profile } };
  };
  return { key: identifiers, code: SUMMARY_CODE, build };
}

/** The profile is claimed only where all its musts are met: a validator takes a claim at its word. */
function meetsProfile({ subject, performer, effectiveDateTime, valueString, basedOn = [] }: Observation): boolean {
  const complete = performer !== undefined && effectiveDateTime !== undefined && valueString !== undefined;
  const ofPatient = subject?.reference !== undefined && subject.type !== 'Device';
  return complete && ofPatient && basedOn.filter(({ reference }) => reference !== undefined).length <= 1;
}

/** A literal reference is of the guide's slice for the order, whose pattern contains the display of the identifier's type. */
function withDisplay(order: Reference): Reference {
  const { reference, identifier } = order;
  if (reference === undefined) return order;
  const coding = identifier?.type?.coding?.map((one) =>
    one.system === IDENTIFIER_TYPE_SYSTEM && one.code === 'ACSN' ? { ...one, display: 'Accession ID' } : one,
  );
  return { ...order, identifier: { ...identifier, type: { ...identifier?.type, coding } } };
}

function xRaySums(root: ContentItem, options: MappingOptions, issues: IssueCollector): readonly ObservationComponent[] {
  const ct = root.named(Concept.CtAccumulatedDose, 'CONTAINER').map((item) => ({ item }));
  return [
    ...componentsOf(ct, ctAccumulatedRows, options, issues),
    ...componentsOf(planesOf(root), xRayAccumulatedRows, options, issues),
  ];
}

/** Biplane systems accumulate for each plane; only then does a sum have to say which it is of. */
function planesOf(root: ContentItem): readonly DoseContainer[] {
  const containers = root.named(Concept.AccumulatedXRayDose, 'CONTAINER');
  if (containers.length < 2) return containers.map((item) => ({ item }));
  return containers.map((item) => {
    const plane = item.codeNamed(Concept.AcquisitionPlane);
    return { item, qualifier: plane === undefined ? undefined : planeName(plane) };
  });
}

function administrationSums(
  root: ContentItem,
  options: MappingOptions,
  issues: IssueCollector,
): readonly ObservationComponent[] {
  const administrations = root.named(Concept.Administration, 'CONTAINER').map((item) => ({ item }));
  return componentsOf(administrations, administrationRows, options, issues);
}

function proceduresReported(root: ContentItem, options: MappingOptions): readonly ObservationComponent[] {
  const { system, code, name } = Concept.ProcedureReported;
  return root.named(Concept.ProcedureReported, 'CODE').map((item) => ({
    code: { coding: [{ system, code }], text: name },
    ...codedValue(item, options),
  }));
}
