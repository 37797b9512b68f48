import type { Identifier, Observation } from 'fhir/r4';
import { sameIdentifier } from '../identifiers';
import { isOwnedByAnyCast } from '../source';
import { IDENTIFIER_TYPE_SYSTEM } from '../systems';
import { EVENT_CODE, SUMMARY_CODE } from './doseObservation';

/**
 * Whether an Observation is one that the old DICOM Cast made of a dose report: preliminary, without a time, and with no identifiers but the
 * UID of the study and an accession number. It wrote them anew with each replay, and nothing tells which report they are of.
 */
export function isDicomCastObservation(observation: Observation, study: Identifier): boolean {
  const { status, code, identifier = [], effectiveDateTime, performer } = observation;
  const codes = (code.coding ?? []).map(({ system, code: value }) => `${system ?? ''}|${value ?? ''}`);
  const dose = [SUMMARY_CODE, EVENT_CODE].some((known) => codes.includes(`${known.system ?? ''}|${known.code ?? ''}`));
  const bare = effectiveDateTime === undefined && performer === undefined;
  return (
    dose &&
    bare &&
    status === 'preliminary' &&
    !isOwnedByAnyCast(observation) &&
    identifier.some((one) => sameIdentifier(one, study)) &&
    identifier.every((one) => sameIdentifier(one, study) || isAccessionNumber(one))
  );
}

function isAccessionNumber({ system, type }: Identifier): boolean {
  const [only, ...others] = type?.coding ?? [];
  return system === undefined && others.length === 0 && only?.system === IDENTIFIER_TYPE_SYSTEM && only.code === 'ACSN';
}
