import type { HttpResponseInit } from '@azure/functions';
import { z } from 'zod';
import * as answers from './answers';
import { castRoutes } from './castRoutes';
import * as reconcileAnswers from './reconcileAnswers';
import { reconcileRoutes } from './reconcileRoutes';
import { json, problem, type AnswerDescription, type RouteDescription } from './route';

/** Of the API; that of package.json. */
const VERSION = '0.1.0';
const SCHEMAS = '#/components/schemas/';

type Json = Readonly<Record<string, unknown>>;

/** https://spec.openapis.org/oas/v3.1.1 */
export interface OpenApiDocument extends Json {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>>; readonly securitySchemes: Json };
}

const descriptionRoute: RouteDescription = {
  function: 'openapi',
  method: 'get',
  path: '/openapi.json',
  tag: 'Description',
  summary: 'This description. It asks for a key as every route does, and for no settings.',
  answers: { 200: json('An OpenAPI 3.1 document.', z.looseObject({ openapi: z.string() })) },
};

/** Every route of the app. */
export const routes: readonly RouteDescription[] = [...castRoutes, ...reconcileRoutes, descriptionRoute];

/** The schemas that have a name of their own: `runAnswer` is Run. */
const named = z.registry<{ id: string }>();
for (const [name, schema] of Object.entries({ ...answers, ...reconcileAnswers }))
  named.add(schema, { id: nameOf(name) });

function nameOf(constant: string): string {
  const name = constant.replace(/Answer$/, '');
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** The OpenAPI description of all routes, generated from the schemas that check their input. */
export function openApiDocument(): OpenApiDocument {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method] = operationOf(route);
  return {
    openapi: '3.1.1',
    info: {
      title: 'FHIR Imaging Functions',
      version: VERSION,
      summary: 'What an operator can ask of Cast and Reconcile, and do.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/api' }],
    security: [{ keyInHeader: [] }, { keyInUrl: [] }],
    tags: [
      { name: 'Cast', description: 'Keeps a FHIR R4 server true to a DICOM service.' },
      {
        name: 'Reconcile',
        description: 'Finds and removes orphaned payloads. Nothing changes unless dryRun is false.',
      },
      { name: 'Description', description: 'The routes themselves.' },
    ],
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        keyInHeader: { type: 'apiKey', in: 'header', name: 'x-functions-key', description: 'A key of the function.' },
        keyInUrl: {
          type: 'apiKey',
          in: 'query',
          name: 'code',
          description: 'The same key, for tools without headers.',
        },
      },
    },
  };
}

/** The answer of the route that tells it. */
export function describeApi(): HttpResponseInit {
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(openApiDocument()),
  };
}

const needsSettings = { 503: problem('A setting is wrong; title says which. Of Reconcile also: it is off.') } as const;
const ofEveryRoute = {
  401: { description: 'The key is missing or wrong. The answer has no body.' },
  500: { description: 'A defect, or the storage cannot be reached. The log has it; the answer has no body.' },
} as const;

function operationOf(route: RouteDescription): Json {
  const { tag, summary, parameters, query, body } = route;
  const all = { ...(tag !== 'Description' && needsSettings), ...route.answers, ...ofEveryRoute };
  const given = [...parametersIn('path', parameters), ...parametersIn('query', query)];
  return {
    operationId: route.operationId ?? route.function,
    tags: [tag],
    summary,
    ...(given.length > 0 && { parameters: given }),
    ...(body !== undefined && {
      requestBody: { required: body.required, content: { 'application/json': { schema: schemaOf(body.schema) } } },
    }),
    responses: Object.fromEntries(Object.entries(all).map(([status, answer]) => [status, answerOf(answer)])),
  };
}

function parametersIn(place: 'path' | 'query', shape: z.ZodObject | undefined): readonly Json[] {
  return Object.entries(shape?.shape ?? {}).map(([name, schema]) => {
    const { description, ...rest } = schemaOf(schema as z.ZodType);
    const required = place === 'path' || !z.safeParse(schema as z.ZodType, undefined).success;
    return { name, in: place, required, description, schema: rest };
  });
}

function answerOf({ description, content, headers }: AnswerDescription): Json {
  const ofHeader = (text: string): Json => ({ description: text, schema: { type: 'string' } });
  return {
    description,
    ...(headers !== undefined && { headers: mapped(headers, ofHeader) }),
    ...(content !== undefined && { content: mapped(content, (schema) => ({ schema: schemaOf(schema) })) }),
  };
}

function mapped<A, B>(from: Readonly<Record<string, A>>, change: (value: A) => B): Readonly<Record<string, B>> {
  return Object.fromEntries(Object.entries(from).map(([name, value]) => [name, change(value)]));
}

/** Requests as they are sent; answers have neither defaults nor changes, so for them it is the same. */
const asSent = { io: 'input', override: tidy } as const;

function schemaOf(schema: z.ZodType): Json {
  const name = named.get(schema)?.id;
  if (name !== undefined) return { $ref: SCHEMAS + name };
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, asSent);
  return rest;
}

function componentSchemas(): Readonly<Record<string, Json>> {
  const { schemas } = z.toJSONSchema(named, { ...asSent, uri: (id) => SCHEMAS + id });
  return mapped(schemas, ({ $schema: _dialect, $id: _id, ...schema }) => schema as Json);
}

/** Leaves out what says nothing to who reads the description. */
function tidy({ jsonSchema }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  delete jsonSchema.readOnly;
  if (jsonSchema.format === 'date-time' || jsonSchema.type === 'integer') delete jsonSchema.pattern;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}
