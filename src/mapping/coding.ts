import type { CodeableConcept, Coding } from 'fhir/r4';
import type { CodeItem } from '../dicom/codeSequence';
import { codingScheme, schemeOfUid } from '../dicom/tables/codingSchemes';
import { currentSnomedCode } from '../dicom/tables/retiredSnomed';
import { isAbsoluteUri, isOid } from './issuerSystem';
import type { MappingOptions } from './options';
import { DCM_SYSTEM, SNOMED_SYSTEM, URI_SYSTEM } from './systems';

/** Designators of SNOMED's former identifiers (PS3.16 8.1). */
const RETIRED_SNOMED = new Set(['SRT', 'SNM3', '99SDM']);

/**
 * @returns the coding of a code sequence item, or undefined when the item has no code. The display is given only for
 *   systems that no terminology server can compare it with: DICOM's meanings differ in wording from theirs, and a
 *   wrong display is a validation error.
 */
export function codingOf(item: CodeItem, options: Pick<MappingOptions, 'codeSystemBase'>): Coding | undefined {
  if (item.code === undefined) return undefined;
  const { system, code, published } = resolve(item, fhirCode(item.code), options);
  const version = isRetiredSnomed(item) || item.form === 'urn' ? undefined : item.schemeVersion;
  return {
    ...(system === undefined ? {} : { system }),
    ...(version === undefined ? {} : { version }),
    code,
    ...(published || item.meaning === undefined ? {} : { display: item.meaning }),
  };
}

/** @returns the item as a concept whose text is the meaning in the words of the object */
export function codeableConceptOf(
  item: CodeItem,
  options: Pick<MappingOptions, 'codeSystemBase'>,
): CodeableConcept | undefined {
  const coding = codingOf(item, options);
  if (coding === undefined && item.meaning === undefined) return undefined;
  return {
    ...(coding === undefined ? {} : { coding: [coding] }),
    ...(item.meaning === undefined ? {} : { text: item.meaning }),
  };
}

/** @returns whether two codings name the same code, whatever else they carry */
export function sameCoding(one: Coding, other: Coding): boolean {
  return one.system === other.system && one.code === other.code;
}

/**
 * @returns what a structured report's concept is compared by: `system|code` with retired SNOMED identifiers replaced.
 *   Meanings vary in case and wording between devices and never count.
 */
export function conceptKey(item: CodeItem): string | undefined {
  if (item.code === undefined) return undefined;
  const { system, code } = resolve(item, fhirCode(item.code), {});
  return `${system ?? item.scheme ?? ''}|${code}`;
}

/** A FHIR code holds single blanks at most; DICOM allows more. */
function fhirCode(code: string): string {
  return code.replace(/\s+/g, ' ');
}

interface ResolvedCode {
  readonly system?: string;
  readonly code: string;
  /** Whether the system is a published one, so that displays can be checked. */
  readonly published: boolean;
}

function resolve(item: CodeItem, code: string, options: Pick<MappingOptions, 'codeSystemBase'>): ResolvedCode {
  // a code under this system has to be an absolute URI
  if (item.form === 'urn')
    return isAbsoluteUri(code) ? { system: URI_SYSTEM, code, published: true } : { code, published: false };
  if (isRetiredSnomed(item)) return resolveRetired(item, code);
  const known = codingScheme(item.scheme) ?? schemeOfUid(item.schemeUid);
  if (known?.system !== undefined) return { system: known.system, code, published: true };
  const system = privateSystem(item, options);
  return { ...(system === undefined ? {} : { system }), code, published: false };
}

function isRetiredSnomed(item: CodeItem): boolean {
  return RETIRED_SNOMED.has(item.scheme?.toUpperCase() ?? '');
}

/** Devices also put DCM codes (six digits) and SNOMED CT identifiers (more digits) under the retired designators. */
function resolveRetired(item: CodeItem, code: string): ResolvedCode {
  const current = currentSnomedCode(code);
  if (current !== undefined) return { system: SNOMED_SYSTEM, code: current, published: true };
  if (/^1[0-3]\d{4}$/.test(code)) return { system: DCM_SYSTEM, code, published: true };
  if (/^\d{6,18}$/.test(code)) return { system: SNOMED_SYSTEM, code, published: true };
  const system = codingScheme(item.scheme)?.system;
  return { ...(system === undefined ? {} : { system }), code, published: false };
}

function privateSystem(item: CodeItem, options: Pick<MappingOptions, 'codeSystemBase'>): string | undefined {
  if (item.schemeUid !== undefined && isOid(item.schemeUid)) return `urn:oid:${item.schemeUid}`;
  if (item.scheme === undefined) return undefined;
  if (isAbsoluteUri(item.scheme)) return item.scheme;
  return options.codeSystemBase === undefined ? undefined : options.codeSystemBase + encodeURIComponent(item.scheme);
}
