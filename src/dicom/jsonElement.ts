import type { DicomElement } from './dataset';
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  MINUS,
  NINE,
  OPEN_BRACE,
  OPEN_BRACKET,
  POINT,
  QUOTE,
  ZERO,
} from '../http/jsonCharacters';

/** What stands before the values of nearly every element; XX is its value representation. */
const USUAL_START = Buffer.from('{"vr":"XX","Value":[');
const VR_AT = USUAL_START.indexOf('XX');

/** Bytes up to the values of an element of the usual form, with the bracket that opens them. */
export const BEFORE_VALUES = USUAL_START.length;

export interface ParsedValue {
  readonly value: unknown;
  /** The index of the comma or brace after it. */
  readonly end: number;
}

/**
 * An element of the usual form (PS3.18 F.2.2): with a value representation and values, and nothing else. Only its values are parsed.
 * @param vr what `usualRepresentation` says of it
 * @returns undefined where it is of another form
 * @throws SyntaxError, whose text may quote what could not be read
 */
export function readElement(
  bytes: Buffer,
  at: number,
  vr: string,
): { readonly element: DicomElement; readonly end: number } | undefined {
  const values = readValues(bytes, at + BEFORE_VALUES - 1);
  if (values === undefined || !isElementEnd(bytes, values.end)) return undefined;
  return { element: { vr, values: values.value as readonly unknown[] }, end: values.end + 1 };
}

/** @returns the index after an element of the usual form that holds one text, or numbers; undefined for any other */
export function endOfPlainElement(bytes: Buffer, at: number): number | undefined {
  const end = endOfPlainValues(bytes, at + BEFORE_VALUES);
  return end !== undefined && isElementEnd(bytes, end) ? end + 1 : undefined;
}

/** @returns the index after the bracket */
function endOfPlainValues(bytes: Buffer, from: number): number | undefined {
  const end = bytes[from] === QUOTE ? afterPlainText(bytes, from + 1) : endOfNumbers(bytes, from);
  return end !== undefined && bytes[end] === CLOSE_BRACKET ? end + 1 : undefined;
}

function afterPlainText(bytes: Buffer, from: number): number | undefined {
  const end = endOfPlainText(bytes, from);
  return bytes[end] === QUOTE ? end + 1 : undefined;
}

function endOfNumbers(bytes: Buffer, from: number): number | undefined {
  let end = endOfNumber(bytes, from);
  while (end !== undefined && bytes[end] === COMMA) end = endOfNumber(bytes, end + 1);
  return end;
}

/** @returns the value representation of an element that begins as nearly all do; undefined for any other */
export function usualRepresentation(bytes: Buffer, at: number): string | undefined {
  for (let index = 0; index < BEFORE_VALUES; index++)
    if (bytes[at + index] !== USUAL_START[index] && index !== VR_AT && index !== VR_AT + 1) return undefined;
  return twoLetters(bytes[at + VR_AT] ?? 0, bytes[at + VR_AT + 1] ?? 0);
}

const FIRST_LETTER = 0x41;
const LETTERS = 26;
const LETTER_PAIRS: readonly string[] = Array.from({ length: LETTERS * LETTERS }, (_, pair) =>
  String.fromCharCode(FIRST_LETTER + Math.floor(pair / LETTERS), FIRST_LETTER + (pair % LETTERS)),
);

/** @returns the same string each time; undefined for what are not two capital letters */
function twoLetters(one: number, other: number): string | undefined {
  const first = one - FIRST_LETTER;
  const second = other - FIRST_LETTER;
  if (first < 0 || first >= LETTERS || second < 0 || second >= LETTERS) return undefined;
  return LETTER_PAIRS[first * LETTERS + second];
}

function readValues(bytes: Buffer, at: number): ParsedValue | undefined {
  if (bytes[at + 1] === QUOTE) {
    const textEnd = endOfPlainText(bytes, at + 2);
    if (bytes[textEnd] === QUOTE && bytes[textEnd + 1] === CLOSE_BRACKET)
      return { value: [bytes.toString('latin1', at + 2, textEnd)], end: textEnd + 2 };
  }
  return readNumbers(bytes, at) ?? readValue(bytes, at);
}

/** @returns undefined for an array with anything but numbers of the form that `endOfNumber` knows */
function readNumbers(bytes: Buffer, at: number): ParsedValue | undefined {
  const firstEnd = endOfNumber(bytes, at + 1);
  if (firstEnd === undefined) return undefined;
  const value = [numberBetween(bytes, at + 1, firstEnd)];
  let end = firstEnd;
  while (bytes[end] === COMMA) {
    const start = end + 1;
    const next = endOfNumber(bytes, start);
    if (next === undefined) return undefined;
    value.push(numberBetween(bytes, start, next));
    end = next;
  }
  return bytes[end] === CLOSE_BRACKET ? { value, end: end + 1 } : undefined;
}

/**
 * So many digits, and the power of ten that they are divided by, are numbers without rounding: the quotient is rounded once, as JSON.parse
 * rounds it (IEEE 754).
 */
const MAX_NUMBER_BYTES = 15;

/** @returns the index after the number; undefined for one in another form than `-12.5`, or a longer one */
function endOfNumber(bytes: Buffer, at: number): number | undefined {
  const start = bytes[at] === MINUS ? at + 1 : at;
  let point = -1;
  let end = start;
  for (; end < start + MAX_NUMBER_BYTES; end++) {
    const byte = bytes[end] ?? 0;
    if (byte === POINT && point < 0) point = end;
    else if (byte < ZERO || byte > NINE) break;
  }
  const wholeDigits = (point < 0 ? end : point) - start;
  const isJson = wholeDigits > 0 && (wholeDigits === 1 || bytes[start] !== ZERO) && point !== end - 1;
  return isJson && isAfterNumber(bytes[end]) ? end : undefined;
}

/** The number of that form that ends there. */
function numberBetween(bytes: Buffer, at: number, end: number): number {
  const isNegative = bytes[at] === MINUS;
  let digits = 0;
  // 0 up to the point.
  let scale = 0;
  for (let index = isNegative ? at + 1 : at; index < end; index++) {
    const byte = bytes[index] ?? 0;
    scale *= 10;
    if (byte === POINT) scale = 1;
    else digits = digits * 10 + byte - ZERO;
  }
  const value = scale === 0 ? digits : digits / scale;
  return isNegative ? -value : value;
}

const isAfterNumber = (byte: number | undefined): boolean => byte === COMMA || byte === CLOSE_BRACKET;

/**
 * Any JSON value.
 * @returns undefined where it does not end
 * @throws SyntaxError, whose text may quote what could not be read
 */
export function readValue(bytes: Buffer, at: number): ParsedValue | undefined {
  const end = endOfValue(bytes, at);
  return end === undefined ? undefined : { value: JSON.parse(bytes.toString('utf8', at, end)) as unknown, end };
}

/** @returns the index of the first byte that is no character of its own in a JSON text */
function endOfPlainText(bytes: Buffer, from: number): number {
  let index = from;
  for (let byte = bytes[index]; isPlain(byte); byte = bytes[index]) index++;
  return index;
}

const isPlain = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= 0x20 && byte < 0x7f && byte !== QUOTE && byte !== BACKSLASH;

/** Whether an element ends there, with its brace, and its data set goes on or ends as well. */
const isElementEnd = (bytes: Buffer, at: number): boolean =>
  bytes[at] === CLOSE_BRACE && (bytes[at + 1] === COMMA || bytes[at + 1] === CLOSE_BRACE);

/** @returns the index of the comma or brace after a value */
function endOfValue(bytes: Buffer, from: number): number | undefined {
  let depth = 0;
  for (let index = from; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === QUOTE) {
      index = endOfString(bytes, index + 1);
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++;
    } else if (depth === 0 && (byte === COMMA || byte === CLOSE_BRACE)) {
      return index;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth--;
    }
  }
  return undefined;
}

/** @returns the index of the quote that ends a string */
function endOfString(bytes: Buffer, from: number): number {
  let index = from;
  while (index < bytes.length && bytes[index] !== QUOTE) index += bytes[index] === BACKSLASH ? 2 : 1;
  return index;
}
