import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { openApiDocument } from '../../src/api/description/openapi';

/**
 * Holds real requests and answers against the OpenAPI description. Objects of answers are closed here, so that a field which nobody
 * described is noticed; the published description leaves them open, so that a field more breaks no client.
 */

interface Sent {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
}

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** By media type. */
type Content = Readonly<Record<string, { readonly schema: object }>>;

interface Operation {
  readonly tags: readonly string[];
  readonly parameters?: readonly { name: string; in: string; required: boolean; schema: { type?: string } }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly content?: Content; readonly headers?: Readonly<Record<string, unknown>> }>
  >;
}

const document = openApiDocument();
const ajv = new Ajv2020({ allErrors: true, strictTypes: false });
addFormats(ajv);
const validators = new WeakMap<object, ValidateFunction>();
const met = new Set<string>();

const operations = Object.entries(document.paths)
  .map(([path, methods]) => ({
    path,
    methods: methods as unknown as Readonly<Record<string, Operation>>,
    pattern: new RegExp(`^/api${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '([^/]+)')}$`),
  }))
  .sort((one, other) => parametersIn(one.path) - parametersIn(other.path));

/**
 * Checks an answer, and the request where it was accepted, against the description.
 * @throws Error that says what is not as described
 */
export function checkAnswer(sent: Sent, answered: Answered): void {
  const url = new URL(sent.path, 'https://api.example');
  if (!url.pathname.startsWith('/api/')) return;
  const method = sent.method.toLowerCase();
  const found = operations.find(({ pattern, methods }) => pattern.test(url.pathname) && methods[method] !== undefined);
  const operation = found?.methods[method];
  if (found === undefined || operation === undefined) {
    if (answered.status !== 404) throw new Error(`${sent.method} ${url.pathname} is not described and answers`);
    return;
  }
  const name = `${sent.method} ${found.path} ${answered.status}`;
  const response = operation.responses[String(answered.status)];
  if (response === undefined) throw new Error(`${name} is not described`);
  checkHeaders(name, Object.keys(response.headers ?? {}), answered);
  checkContent(name, response.content, answered);
  if (answered.status < 300) checkRequest(name, operation, url, sent.body);
  met.add(name);
}

/** What the description has and no answer of this test file was, as `GET /status 200`, without what cannot be met. */
export function answersNotMet(tag: string, unreachable: Readonly<Record<string, string>>): readonly string[] {
  const described = operations.flatMap(({ path, methods }) =>
    Object.entries(methods)
      .filter(([, operation]) => operation.tags.includes(tag))
      .flatMap(([method, { responses }]) =>
        Object.keys(responses).map((status) => `${method.toUpperCase()} ${path} ${status}`),
      ),
  );
  return described.filter((name) => !met.has(name) && !Object.keys(unreachable).some((end) => name.endsWith(end)));
}

function checkHeaders(name: string, described: readonly string[], { headers }: Answered): void {
  const missing = described.filter((header) => ['location', 'retry-after'].includes(header) && !headers.has(header));
  if (missing.length > 0) throw new Error(`${name} has no header ${missing.join(', ')}`);
  const undescribed = ['location', 'retry-after', 'link', 'x-continuation-token'].filter(
    (header) => headers.has(header) && !described.includes(header),
  );
  if (undescribed.length > 0) throw new Error(`${name} has the header ${undescribed.join(', ')} and does not say so`);
}

function checkContent(name: string, content: Content | undefined, { headers, text }: Answered): void {
  if (content === undefined) {
    if (text !== '') throw new Error(`${name} has a body and does not say so: ${text}`);
    return;
  }
  const mediaType = (headers.get('content-type') ?? '').replace(/;.*/, '');
  const described = content[mediaType];
  if (described === undefined) throw new Error(`${name} answers with ${mediaType}, which is not described`);
  const values = mediaType === 'application/x-ndjson' ? text.split('\n').filter((line) => line !== '') : [text];
  for (const value of values) validate(name, described.schema, JSON.parse(value));
}

/** What was accepted must have been a request as described. */
function checkRequest(name: string, { parameters = [], requestBody }: Operation, url: URL, body: unknown): void {
  const known = parameters.filter((parameter) => parameter.in === 'query');
  for (const [key, value] of url.searchParams) {
    if (key === 'code') continue;
    const parameter = known.find((one) => one.name === key);
    if (parameter === undefined) throw new Error(`${name} takes ${key} and does not say so`);
    validate(`${name}?${key}`, parameter.schema, parameter.schema.type === 'integer' ? Number(value) : value);
  }
  const missing = known.filter((parameter) => parameter.required && !url.searchParams.has(parameter.name));
  if (missing.length > 0) throw new Error(`${name} needs no ${missing.map((one) => one.name).join(', ')}`);
  const schema = requestBody?.content['application/json']?.schema;
  if (body === undefined && requestBody?.required === true) throw new Error(`${name} needs no body`);
  if (body === undefined || schema === undefined) return;
  validate(`${name}: the body of the request`, schema, typeof body === 'string' ? JSON.parse(body) : body);
}

function validate(name: string, schema: object, value: unknown): void {
  const validator = validators.get(schema) ?? ajv.compile(standalone(schema));
  validators.set(schema, validator);
  if (!validator(value)) throw new Error(`${name} is not as described: ${ajv.errorsText(validator.errors)}`);
}

/** Every object schema that says nothing of other fields allows none. */
function closed<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map((part: unknown) => closed(part)) as T;
  if (typeof schema !== 'object' || schema === null) return schema;
  const parts = Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, closed(part as unknown)]));
  const isOpen = parts.type === 'object' && 'properties' in parts && !('additionalProperties' in parts);
  return (isOpen ? { ...parts, additionalProperties: false } : parts) as T;
}

/** The closed schema with all that it may refer to. */
function standalone(schema: object): object {
  const text = JSON.stringify(closed({ ...schema, $defs: document.components.schemas }));
  return JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')) as object;
}

function parametersIn(path: string): number {
  return path.split('{').length;
}
