import { FhirProblem } from './problem';

export interface QueryParameter {
  /** Search parameter code, e.g. `identifier`. */
  readonly code: string;
  readonly modifier: string | undefined;
  /** As sent, escapes included. */
  readonly value: string;
}

/** The parts of a query string: what selects, and what shapes the answer. */
export interface SearchQuery {
  readonly filters: readonly QueryParameter[];
  readonly count: number | undefined;
  readonly elements: readonly string[] | undefined;
  readonly countOnly: boolean;
  /** Includes, sorting and chains are left to the Medplum repository. */
  readonly needsMedplum: boolean;
}

const IGNORED = new Set(['_format', '_pretty', '_total', '_summary', '_count', '_elements', '_offset']);
const LEFT_TO_MEDPLUM = new Set(['_include', '_revinclude', '_sort']);

/** Reads a query string (without `?`) of a type search, an `ifNoneExist` or a conditional interaction. */
export function parseSearchQuery(text: string): SearchQuery {
  const parameters = [...new URLSearchParams(text)];
  const filters: QueryParameter[] = [];
  let needsMedplum = false;
  for (const [name, value] of parameters) {
    const [code = '', modifier] = name.split(':', 2);
    if (LEFT_TO_MEDPLUM.has(code) || code === '_has' || name.includes('.')) {
      needsMedplum = true;
    } else if (!IGNORED.has(code) && value !== '') {
      filters.push({ code, modifier, value });
    }
  }
  const single = new Map(parameters);
  return {
    filters,
    count: countOf(single.get('_count')),
    elements: single.get('_elements')?.split(','),
    countOnly: single.get('_summary') === 'count' || single.get('_count') === '0',
    needsMedplum,
  };
}

function countOf(text: string | undefined): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  if (!/^\d{1,9}$/.test(text)) {
    throw new FhirProblem(400, 'invalid', '_count is not a number');
  }
  return Number(text);
}

/** Splits at a separator that no backslash protects; escapes stay as they are (FHIR search.html, "Escaping Search Parameters"). */
export function splitUnescaped(text: string, separator: ',' | '|' | '$'): string[] {
  const parts: string[] = [];
  let part = '';
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '\\') {
      part += character + text.charAt(++at);
    } else if (character === separator) {
      parts.push(part);
      part = '';
    } else {
      part += character;
    }
  }
  parts.push(part);
  return parts;
}

/** Takes the escapes `\,` `\|` `\$` `\\` off; any other backslash is an error. */
export function unescape(text: string): string {
  return text.replace(/\\([\s\S]?)/g, (_, escaped: string) => {
    if (escaped === '' || !'\\,|$'.includes(escaped)) {
      throw new FhirProblem(400, 'invalid', 'A search value holds a backslash that escapes nothing');
    }
    return escaped;
  });
}
