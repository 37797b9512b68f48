import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { openApiDocument, routes } from '../../../src/api/description/openapi';

const root = resolve(__dirname, '../../..');
const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');
const document = openApiDocument();

/** The HTTP functions as functions/ registers them: `GET failed-entries`. */
const functions = readdirSync(resolve(root, 'functions'))
  .map((file) => read(`functions/${file}`))
  .filter((text) => text.includes('app.http('))
  .map((text) => ({
    name: /app\.http\('([^']+)'/.exec(text)?.[1],
    methods: /methods: \[(.+)\]/.exec(text)?.[1]?.match(/[A-Z]+/g) ?? [],
    route: /route: '([^']+)'/.exec(text)?.[1] ?? '',
  }));

/** `a/{b?}` is two paths of OpenAPI: `/a` and `/a/{b}`. */
function pathsOf(route: string): readonly string[] {
  const [before = '', ...optional] = route.split(/\/(?=\{\w+\?\})/);
  return optional
    .map((part) => part.replace('?', ''))
    .reduce<readonly string[]>((paths, part) => [...paths, `${paths.at(-1)}/${part}`], [`/${before}`]);
}

describe('the OpenAPI description', () => {
  it('is a document of OpenAPI 3.1', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats(ajv);
    // Of RFC 9110: ajv-formats does not have it.
    ajv.addFormat('media-range', /^[\w!#$&^.+*-]+\/[\w!#$&^.+*-]+(;.*)?$/);
    ajv.compile(JSON.parse(read('test/fixtures/openapi/schema-3.1.json')) as object);
    const valid = ajv.validate('https://spec.openapis.org/oas/3.1/schema/2026-08-03', document);
    expect(valid ? '' : ajv.errorsText()).toBe('');
  });

  it('tells every HTTP function, with its path and method, and no other', () => {
    expect(functions.length).toBeGreaterThan(15);
    const registered = functions.flatMap(({ name, methods, route }) =>
      methods.flatMap((method) => pathsOf(route).map((path) => `${name} ${method} ${path}`)),
    );
    const described = routes.map(({ function: name, method, path }) => `${name} ${method.toUpperCase()} ${path}`);
    expect(described.sort()).toEqual(registered.sort());
  });

  it('gives every operation an id of its own, a summary, and every path parameter a meaning', () => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.values(methods).map((operation) => ({ path, ...operation }) as unknown as DescribedOperation),
    );
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { path, summary, parameters = [] } of operations) {
      expect(summary).toMatch(/\w.*\.$/);
      const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      expect(inPath).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
      for (const parameter of parameters)
        expect(parameter).toMatchObject({ description: expect.stringMatching(/\w/) as unknown });
    }
  });

  it('carries the version of the package', () => {
    const { version } = JSON.parse(read('package.json')) as { readonly version: string };
    expect(document.info).toMatchObject({ version });
  });
});

interface DescribedOperation {
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
}

describe('requests.http', () => {
  /** `GET /reconcile/{runId}` for `GET {{app}}/api/reconcile/{{runId}}?top=1`. */
  const examples = [...read('requests.http').matchAll(/^(GET|POST|PUT|DELETE) \{\{app\}\}\/api(\/[^\s?]*)/gm)].map(
    ([, method = '', path = '']) => ({ method, path: path.replaceAll(/\{\{[^}]+\}\}|%7B[^/]+/g, 'x') }),
  );

  it.each(routes.map(({ method, path }) => [method.toUpperCase(), path] as const))(
    'has an example of %s %s',
    (method, path) => {
      const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
      const fitting = examples.filter((example) => example.method === method && pattern.test(example.path));
      expect(fitting.length).toBeGreaterThan(0);
    },
  );

  it('has no example of a route that does not exist', () => {
    const patterns = routes.map(
      ({ method, path }) =>
        new RegExp(`^${method.toUpperCase()} ${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    );
    const strangers = examples.filter(
      ({ method, path }) => !patterns.some((pattern) => pattern.test(`${method} ${path}`)),
    );
    expect(strangers).toEqual([]);
  });

  it('sends only bodies that its routes take', () => {
    for (const { method, path, body } of bodiesOf(read('requests.http'))) {
      const route = routes.find(
        (one) =>
          one.method.toUpperCase() === method &&
          new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path.replaceAll(/\{\{[^}]+\}\}/g, 'x')),
      );
      const filled = body.replaceAll('{{runId}}', '20260131T101500Z-0a1b2c3d');
      expect({ method, path, result: route?.body?.schema.safeParse(JSON.parse(filled)) }).toMatchObject({
        result: { success: true },
      });
    }
  });
});

function bodiesOf(text: string): readonly { readonly method: string; readonly path: string; readonly body: string }[] {
  return text.split(/^###.*$/m).flatMap((part) => {
    const [, method = '', path = ''] = /^([A-Z]+) \{\{app\}\}\/api([^\s?]+)/m.exec(part) ?? [];
    const [, body] = /\n\n(\{[\s\S]*\})\s*$/.exec(part) ?? [];
    return body === undefined ? [] : [{ method, path, body }];
  });
}
