import type { ObservationComponent, Quantity } from 'fhir/r4';
import { Attribute } from '../../dicom/attributes';
import { codeItemOf, sequenceItems } from '../../dicom/codeSequence';
import { decimalValue } from '../../dicom/numbers';
import { conceptKey } from '../coding';
import type { IssueCollector } from '../issueCollector';
import type { ContentItem } from './contentTree';
import { Concept, type DoseConcept, keyOf } from './doseConcepts';
import { quantityOf } from './quantity';

const DATA_ABSENT_REASON_SYSTEM = 'http://terminology.hl7.org/CodeSystem/data-absent-reason';

/** What a component says: its value, or why it has none (obs-6 forbids both). */
export type ComponentValue = Pick<
  ObservationComponent,
  'valueQuantity' | 'valueInteger' | 'valueCodeableConcept' | 'dataAbsentReason'
>;

/** Numeric Value Qualifier (CID 42) as FHIR data-absent-reason; every other one means unknown. */
const REASONS: readonly (readonly [qualifier: DoseConcept, reason: string])[] = [
  [Concept.NotANumber, 'not-a-number'],
  [Concept.NegativeInfinity, 'negative-infinity'],
  [Concept.PositiveInfinity, 'positive-infinity'],
  [Concept.DivideByZero, 'error'],
  [Concept.MeasurementFailure, 'error'],
  [Concept.MeasurementNotAttempted, 'not-performed'],
  [Concept.CalculationFailure, 'error'],
];

/** Largest FHIR integer (32 bit). */
const MAX_INTEGER = 2_147_483_647;

/** @returns the value of a NUM item; devices leave the Measured Value Sequence empty where they measured nothing */
export function measuredValue(item: ContentItem, form: 'quantity' | 'integer', issues: IssueCollector): ComponentValue {
  const quantity = quantityIn(item, issues);
  if (quantity?.value === undefined) return { dataAbsentReason: absentReason(reasonOf(item)) };
  const whole = Number.isInteger(quantity.value) && Math.abs(quantity.value) <= MAX_INTEGER;
  return form === 'integer' && whole ? { valueInteger: quantity.value } : { valueQuantity: quantity };
}

/** @returns the data-absent-reason concept of a code of that system */
export function absentReason(code: string): NonNullable<ComponentValue['dataAbsentReason']> {
  return { coding: [{ system: DATA_ABSENT_REASON_SYSTEM, code }] };
}

function quantityIn({ dataset, report }: ContentItem, issues: IssueCollector): Quantity | undefined {
  const [measured] = sequenceItems(dataset, Attribute.MeasuredValueSequence);
  if (measured === undefined) return undefined;
  const value =
    issues.take(decimalValue(measured, Attribute.NumericValue)) ??
    issues.take(decimalValue(measured, Attribute.FloatingPointValue));
  if (value === undefined) return undefined;
  return quantityOf(value, codeItemOf(measured, Attribute.MeasurementUnitsCodeSequence, report));
}

function reasonOf({ dataset, report }: ContentItem): string {
  const qualifier = codeItemOf(dataset, Attribute.NumericValueQualifierCodeSequence, report);
  const key = qualifier === undefined ? undefined : conceptKey(qualifier);
  return REASONS.find(([concept]) => keyOf(concept) === key)?.[1] ?? 'unknown';
}
