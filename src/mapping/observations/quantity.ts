import type { Quantity } from 'fhir/r4';
import type { CodeItem } from '../../dicom/codeSequence';
import { codingOf } from '../coding';
import { UCUM_SYSTEM } from '../systems';
import { isUcum } from './ucum';

/** Products of dose and length or area, as devices write them without the point: mGycm, Gym2, dGycm2. */
const MISSING_POINT = /^([dcmu]?Gy)(cm2?|m2)$/;

/**
 * @returns the number with its unit, not converted; the unit is coded only where it is one of UCUM, because a wrong code is a
 *   validation error and one without a system is too (qty-3)
 */
export function quantityOf(value: number, unit: CodeItem | undefined): Quantity {
  const text = unit?.meaning ?? unit?.code;
  const code = ucumCodeOf(unit);
  return {
    value,
    ...(text === undefined ? {} : { unit: text }),
    ...(code === undefined ? {} : { system: UCUM_SYSTEM, code }),
  };
}

function ucumCodeOf(unit: CodeItem | undefined): string | undefined {
  if (unit?.code === undefined || codingOf(unit, {})?.system !== UCUM_SYSTEM) return undefined;
  const code = unit.code === 'no units' ? '1' : unit.code.replace(MISSING_POINT, '$1.$2');
  return isUcum(code) ? code : undefined;
}
