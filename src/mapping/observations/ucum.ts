/**
 * Whether text is a unit of The Unified Code for Units of Measure, as far as dose reports and their neighbours need
 * it: terms of annotated, prefixed atoms with exponents (UCUM 1.9, section 2). A unit that is not in the list counts as none.
 */
export function isUcum(code: string): boolean {
  return TERM.test(code);
}

const PREFIX = '(?:da|[YZEPTGMkhdcmunpfazy])';
/** Atoms that may carry a prefix. */
const METRIC = String.raw`(?:mol|Gy|Sv|Bq|Ci|REM|RAD|eV|Hz|Pa|bar|Cel|rad|sr|m\[Hg\]|[msgVACJWNTKLltu])`;
const OTHER = String.raw`(?:min|h|d|wk|mo|a|deg|%|\[ppth\]|\[ppm\]|\[in_i\]|\[ft_i\]|\[lb_av\]|R|\[hnsf'U\]|10\*|10\^|[1-9]\d*)`;
/** What is annotated is counted; no blanks in it. */
const ANNOTATION = String.raw`\{[!-z|~]*\}`;
const COMPONENT = `(?:(?:${PREFIX}?${METRIC}|${OTHER})(?:[+-]?[1-9])?(?:${ANNOTATION})?|${ANNOTATION})`;
const PRODUCT = `${COMPONENT}(?:[./]${COMPONENT})*`;
const FACTOR = `(?:${COMPONENT}|\\(${PRODUCT}\\))`;
const TERM = new RegExp(`^/?${FACTOR}(?:[./]${FACTOR})*$`);
