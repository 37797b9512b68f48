import type { AttributeDefinition } from './attributes';

/**
 * Something remarkable about one attribute of one instance. `problem` says what was expected, never what was found:
 * the value may be patient data.
 */
export interface DataIssue {
  readonly keyword: string;
  readonly tag: string;
  readonly problem: string;
  readonly severity: IssueSeverity;
}

/**
 * The one place that decides what counts as what.
 *
 * `invalid`: the value breaks the definition of its attribute (PS3.5 value representation, PS3.3 enumerated values,
 * or the range of the FHIR element it is for). Under full validation the instance fails; under partial validation the
 * instance is stored with what the reading still gives, which is nothing except for a lower-case sex, the date of
 * an impossible time, and a name in the wrong character set (where a site wants to know of those):
 *  - a date that does not exist or is no date, a time out of range, a zone offset out of range or unreadable;
 *  - a number that is none, not whole where IS is demanded, or outside unsignedInt where FHIR demands that;
 *  - a sex or laterality that is not enumerated, lower case included;
 *  - a UID with other characters than digits and dots or above 64 characters;
 *  - a value that is of the wrong JSON kind (an object where text is expected, text where a sequence is expected).
 *
 * `note`: usable after all, or merely remarkable. Never fails an instance:
 *  - a form that is tolerated: a value instead of an array of one, a missing VR, a number instead of text, a UID with
 *    leading zeros, dashes or slashes in a date, an incomplete date, a zone with `UTC` before it, a leap second;
 *  - more values than the attribute allows (the first one is used), more name components than five;
 *  - an identifier type code that is not in HL7v2 table 0203, which is then left out;
 *  - instances of one study that name different patients;
 *  - a placeholder date (years 0001 and 9999) or a birth date in the future, which count as absent;
 *  - a local time that the zone skips, and a time that is left out because no zone is known.
 *
 * Absent and empty values are neither.
 */
export type IssueSeverity = 'invalid' | 'note';

/** What a reader of one attribute gives: the value as far as it can be used, and what was wrong with it. */
export interface Reading<T> {
  readonly value: T;
  readonly issues: readonly DataIssue[];
}

/** @returns an issue that fails the instance under full validation */
export function invalid(attribute: AttributeDefinition, problem: string): DataIssue {
  return { keyword: attribute.keyword, tag: attribute.tag, problem, severity: 'invalid' };
}

/** @returns an issue that never fails an instance */
export function note(attribute: AttributeDefinition, problem: string): DataIssue {
  return { keyword: attribute.keyword, tag: attribute.tag, problem, severity: 'note' };
}

/** Whether it fails the instance under full validation. */
export const isInvalid = ({ severity }: DataIssue): boolean => severity === 'invalid';

export const NO_ISSUES: readonly DataIssue[] = [];

/** @returns a reading without any issue */
export function clean<T>(value: T): Reading<T> {
  return { value, issues: NO_ISSUES };
}

/** @returns one list of both; nearly always there are none */
export function joinedIssues(some: readonly DataIssue[], others: readonly DataIssue[]): readonly DataIssue[] {
  if (others.length === 0) return some;
  return some.length === 0 ? others : [...some, ...others];
}

/** @returns whether two lists say the same, in the same order */
export function sameIssues(some: readonly DataIssue[], others: readonly DataIssue[]): boolean {
  if (some === others) return true;
  return some.length === others.length && some.every((issue, index) => isSameIssue(issue, others[index]));
}

function isSameIssue(one: DataIssue, other: DataIssue | undefined): boolean {
  return one.tag === other?.tag && one.severity === other.severity && one.problem === other.problem;
}

/** @returns the issues without repetitions, in the order of their first appearance */
export function distinctIssues(issues: readonly DataIssue[]): readonly DataIssue[] {
  const seen = new Map<string, DataIssue[]>();
  return issues.filter((issue) => {
    const ofTag = seen.get(issue.tag);
    if (ofTag === undefined) seen.set(issue.tag, [issue]);
    else if (ofTag.some((other) => isSameIssue(issue, other))) return false;
    else ofTag.push(issue);
    return true;
  });
}
