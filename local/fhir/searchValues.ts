import { evalFhirPath } from '@medplum/core';
import type { SearchParameterDefinition } from './definitions';
import { isJsonObject } from './resource';
import type { StoredResource } from './resource';

export type ValueReader = (resource: StoredResource) => readonly unknown[];

const PLAIN_PATH = /^[A-Z][A-Za-z]*((?:\.[a-z][A-Za-z]*)+)$/;
const TYPED_REFERENCE = /^(.*)\.where\(resolve\(\) is ([A-Za-z]+)\)$/;

/** Reads the values that a search parameter looks at. Plain paths are walked directly, anything else is FHIRPath. */
export function valueReader(resourceType: string, parameter: SearchParameterDefinition): ValueReader {
  const expressions = parameter.expression
    .split(' | ')
    .map((expression) => expression.trim())
    .filter((expression) => new RegExp(`^\\(*${resourceType}\\b`).test(expression));
  const readers = expressions.map(readerOf);
  return (resource) => readers.flatMap((reader) => reader(resource));
}

function readerOf(expression: string): ValueReader {
  const typed = TYPED_REFERENCE.exec(expression);
  const plain = PLAIN_PATH.exec(typed?.[1] ?? expression);
  if (!plain?.[1]) {
    return (resource) => evalFhirPath(expression, resource);
  }
  const steps = plain[1].slice(1).split('.');
  const target = typed?.[2];
  return (resource) => {
    const values = walk(resource, steps);
    return target === undefined ? values : values.filter((value) => refersTo(value, target));
  };
}

function walk(start: unknown, steps: readonly string[]): unknown[] {
  let values: unknown[] = [start];
  for (const step of steps) {
    values = values.flatMap((value) => (isJsonObject(value) && value[step] !== undefined ? value[step] : []));
  }
  return values;
}

function refersTo(value: unknown, type: string): boolean {
  return isJsonObject(value) && typeof value.reference === 'string' && `/${value.reference}`.includes(`/${type}/`);
}

/** `system|code` pairs of a token value; an undefined system means that the element has none. */
export function tokensOf(value: unknown): readonly { readonly system: string | undefined; readonly code: string }[] {
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') {
    return [{ system: undefined, code: String(value) }];
  }
  if (!isJsonObject(value)) {
    return [];
  }
  if (Array.isArray(value.coding)) {
    return value.coding.flatMap(tokensOf);
  }
  const code = value.code ?? value.value;
  const system = value.system;
  return typeof code === 'string' ? [{ system: typeof system === 'string' ? system : undefined, code }] : [];
}

/** Every text inside a string value (names and addresses have several), folded for comparison. */
export function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') {
    return [foldText(value)];
  }
  if (Array.isArray(value)) {
    return value.flatMap(textsOf);
  }
  if (!isJsonObject(value)) {
    return [];
  }
  return Object.entries(value)
    .filter(([key]) => key !== 'use' && key !== 'type' && key !== 'extension' && !key.startsWith('_'))
    .flatMap(([, part]) => textsOf(part));
}

/** Case and accents do not count in string search (FHIR search.html, "string"). */
export function foldText(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}
