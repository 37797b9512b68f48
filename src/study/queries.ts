import type { Coding, Identifier } from 'fhir/r4';
import { tokenValue } from '../fhir/query';
import { uidIdentifier } from '../mapping/identifiers';
import { type CastSource, SOURCE_TAG_SYSTEM } from '../mapping/source';

/** Search parameter `identifier` for exactly this system and value; without system, only identifiers that have none. */
export function identifierQuery({ system, value }: Identifier): readonly [string, string] {
  return ['identifier', tokenValue(system, value ?? '')];
}

/** Search parameter `identifier` for any of these. */
export function anyIdentifierQuery(identifiers: readonly Identifier[]): readonly [string, string] {
  const values = identifiers.map((identifier) => identifierQuery(identifier)[1]);
  return ['identifier', [...new Set(values)].join(',')];
}

/** Search parameter `_tag` for what this source made. */
export function sourceTagQuery(source: CastSource): readonly [string, string] {
  return ['_tag', tokenValue(SOURCE_TAG_SYSTEM, source.address)];
}

/** Search parameter `identifier` for a study, and for the Observations that carry its UID. */
export function studyUidQuery(studyUid: string): readonly [string, string] {
  return identifierQuery(uidIdentifier(studyUid));
}

/** Search parameter `code`: an event carries the SOP Instance UIDs of its reports too, so identifiers alone do not tell a summary from an event. */
export function codeQuery({ system, code }: Coding): readonly [string, string] {
  return ['code', tokenValue(system, code ?? '')];
}
