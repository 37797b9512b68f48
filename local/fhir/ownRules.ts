import type { OperationOutcomeIssue } from 'fhir/r4';
import { issue } from './problem';
import { isJsonObject } from './resource';
import type { JsonObject } from './resource';

/**
 * Rules that Medplum's validator and the JSON schema do not look at: absolute systems, blanks and control characters,
 * empty arrays and nulls, times without a zone, dates that do not exist, codes of required bindings, coded quantities
 * and SOP classes without a system.
 */
export function breachesOfOwnRules(resource: JsonObject): OperationOutcomeIssue[] {
  const findings: OperationOutcomeIssue[] = [];
  const type = String(resource.resourceType);
  visit(resource, type, '', (expression, problem) => findings.push(issue('value', problem, expression)));
  for (const [element, codes] of Object.entries(REQUIRED_CODES[type] ?? {})) {
    const value = resource[element];
    if (value !== undefined && (typeof value !== 'string' || !codes.includes(value))) {
      findings.push(issue('code-invalid', 'The code is not in the required value set', `${type}.${element}`));
    }
  }
  return findings;
}

type Report = (expression: string, problem: string) => void;

function visit(value: unknown, path: string, parent: string, report: Report): void {
  if (Array.isArray(value)) {
    if (value.length === 0) {
      report(path, 'An array must not be empty');
    }
    for (const item of value) {
      if (parent === 'payloadMimeType' && (typeof item !== 'string' || !MIME_TYPE.test(item))) {
        report(path, 'A MIME type has two parts');
      }
      visit(item, path, parent, report);
    }
  } else if (isJsonObject(value)) {
    visitObject(value, path, parent, report);
  } else if (value === null && !path.includes('_')) {
    report(path, 'null is not a value');
  }
}

function visitObject(object: JsonObject, path: string, parent: string, report: Report): void {
  let empty = true;
  for (const key in object) {
    empty = false;
    const value = object[key];
    if (typeof value === 'string') {
      const problem = problemOfText(key, value, parent);
      if (problem !== undefined) {
        report(`${path}.${key}`, problem);
      }
    } else if (typeof value === 'object') {
      visit(value, `${path}.${key}`, key, report);
    }
  }
  if (empty) {
    report(path, 'An object must not be empty');
  }
  const problem = problemOfObject(object, parent);
  if (problem !== undefined) {
    report(path, problem);
  }
}

function problemOfObject(object: JsonObject, parent: string): string | undefined {
  const { system, value, code } = object;
  if (typeof value === 'number' && code !== undefined && system === undefined) {
    return 'A quantity with a code needs the system of the code (qty-3)';
  }
  if (parent === 'sopClass' && system === undefined) {
    return 'A SOP class needs its system';
  }
  if (system === 'urn:ietf:rfc:3986' && typeof value === 'string' && !ABSOLUTE.test(value)) {
    return 'A value in the system of URIs must be an absolute URI';
  }
  return undefined;
}

const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:[^\s]+$/i;
const OID = /^urn:oid:[0-2](\.(0|[1-9]\d*))+$/;
const UUID = /^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MIME_TYPE = /^[a-z]+\/[\w.+-]+(\s*;.*)?$/i;
const DATE_TIME = /^\d{4}-\d\d-\d\dT/;
const ZONED = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-](0\d|1[0-4]):[0-5]\d)$/;
const DATE_KEYS = /^(birthDate|started|start|end|issued|recorded|authoredOn|lastUpdated|.*Date|.*DateTime|.*Instant)$/;
/** Texts in which a date would only be text. */
const FREE_TEXT_KEYS = new Set([
  'value',
  'display',
  'text',
  'description',
  'title',
  'valueString',
  'name',
  'div',
  'data',
]);

function problemOfText(key: string, value: string, parent: string): string | undefined {
  if (value.trim() === '') {
    return 'A string must not be empty or blank';
  }
  if (CONTROL.test(value)) {
    return 'A string must not hold control characters';
  }
  if (key !== 'div' && value !== value.trim()) {
    return 'A string must not start or end with blanks';
  }
  if (key === 'system') {
    return problemOfSystem(value, parent);
  }
  if (key === 'use' && parent in USES) {
    return USES[parent]?.includes(value) ? undefined : 'The code is not in the required value set';
  }
  return problemOfDate(key, value);
}

function problemOfSystem(value: string, parent: string): string | undefined {
  if (parent === 'telecom') {
    return CONTACT_SYSTEMS.includes(value) ? undefined : 'The code is not in the required value set';
  }
  const malformedUrn =
    (value.startsWith('urn:oid:') && !OID.test(value)) || (value.startsWith('urn:uuid:') && !UUID.test(value));
  return ABSOLUTE.test(value) && !malformedUrn ? undefined : 'A system must be an absolute URI';
}

function problemOfDate(key: string, value: string): string | undefined {
  const isDate = DATE_KEYS.test(key);
  if (DATE_TIME.test(value) && (isDate || !FREE_TEXT_KEYS.has(key)) && !ZONED.test(value)) {
    return 'A time needs seconds and a time zone';
  }
  if (isDate && !dayExists(value)) {
    return 'The date does not exist';
  }
  return undefined;
}

function dayExists(text: string): boolean {
  const date = /^(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?:T|$)/.exec(text);
  if (!date) {
    return false;
  }
  const [year, month, day] = [Number(date[1]), Number(date[2] ?? 1), Number(date[3] ?? 1)];
  return (
    year > 0 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
  );
}

const CONTACT_SYSTEMS = ['phone', 'fax', 'email', 'pager', 'url', 'sms', 'other'];

const USES: Readonly<Record<string, readonly string[]>> = {
  identifier: ['usual', 'official', 'temp', 'secondary', 'old'],
  name: ['usual', 'official', 'temp', 'nickname', 'anonymous', 'old', 'maiden'],
  telecom: ['home', 'work', 'temp', 'old', 'mobile'],
  address: ['home', 'work', 'temp', 'old', 'billing'],
};

/** Required bindings of the types that imaging writes (FHIR R4, value sets of the same names). */
const REQUIRED_CODES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  Patient: { gender: ['male', 'female', 'other', 'unknown'] },
  Endpoint: { status: ['active', 'suspended', 'error', 'off', 'entered-in-error', 'test'] },
  ImagingStudy: { status: ['registered', 'available', 'cancelled', 'entered-in-error', 'unknown'] },
  Observation: {
    status: ['registered', 'preliminary', 'final', 'amended', 'corrected', 'cancelled', 'entered-in-error', 'unknown'],
  },
  Device: { status: ['active', 'inactive', 'entered-in-error', 'unknown'] },
};
