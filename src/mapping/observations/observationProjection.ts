import type { Coding, Identifier, Observation, Reference } from 'fhir/r4';
import type { OrderReferences } from '../orders';
import type { CastSource } from '../source';
import { IRRADIATION_EVENT_UID, PLANE_SYSTEM, SOP_INSTANCE_UID, uidTypeOf } from './doseIdentifiers';

/** What an Observation refers to. */
export interface ObservationReferences {
  readonly subject: Reference;
  /** `ImagingStudy/id`, or the `urn:uuid:` of one that the same transaction creates. */
  readonly study: Reference;
  readonly source: CastSource;
  /** What orders are referred to literally by; undefined where they are not looked up. */
  readonly orders?: OrderReferences;
}

/** One Observation that a study has to have. */
export interface ObservationProjection {
  /** All of these must match in a search for it, and `code` too: an event carries the SOP Instance UIDs of its reports. */
  readonly key: readonly Identifier[];
  /** Tells a summary (LOINC 73569-6), an event (DCM 113852), height and weight from each other. */
  readonly code: Coding;
  build(references: ObservationReferences): Observation;
}

/** @returns text by which a projection and the stored Observation that it stands for are the same; unique within a study */
export function observationKey({ key, code }: ObservationProjection): string {
  return keyText(key, code);
}

/** @returns the same text for a stored Observation, whatever else it carries by now */
export function observationKeyOf({ identifier = [], code }: Observation): string {
  return keyText(identifier, code.coding?.[0]);
}

/** A summary is its SOP Instance UID; an event is its UID and its plane, whichever reports list it; all else there is once in a study. */
function keyText(identifiers: readonly Identifier[], code: Coding = {}): string {
  const ofType = (type: string): readonly string[] =>
    identifiers.filter((identifier) => uidTypeOf(identifier) === type).map(valueOf);
  const [event] = ofType(IRRADIATION_EVENT_UID);
  if (event !== undefined) {
    const plane = identifiers.find(({ system }) => system === PLANE_SYSTEM);
    return JSON.stringify(['event', event, plane === undefined ? '' : valueOf(plane)]);
  }
  const [report] = ofType(SOP_INSTANCE_UID);
  return JSON.stringify(report === undefined ? ['study', code.system ?? '', code.code ?? ''] : ['summary', report]);
}

function valueOf({ value }: Identifier): string {
  return value ?? '';
}
