import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type BicepFile, type BicepProperty, type BicepValue } from './syntax';
import { memberPaths } from './names';

/** What the published types say of a place in a template, as far as the templates go into it. */
export interface TypeShape {
  /** Properties by name; the shape is left out where no template looks into it. */
  readonly properties?: Readonly<Record<string, PropertyShape>>;
  /** Any further property may be there. */
  readonly open?: true;
  readonly items?: TypeShape;
  /** The only texts that are taken. */
  readonly values?: readonly string[];
}

export interface PropertyShape {
  readonly required?: true;
  readonly readOnly?: true;
  readonly shape?: TypeShape;
}

const typeShape: z.ZodType<TypeShape> = z.lazy(() =>
  z.strictObject({
    properties: z.record(z.string(), propertyShape).optional(),
    open: z.literal(true).optional(),
    items: typeShape.optional(),
    values: z.array(z.string()).optional(),
  }),
);

const propertyShape: z.ZodType<PropertyShape> = z.strictObject({
  required: z.literal(true).optional(),
  readOnly: z.literal(true).optional(),
  shape: typeShape.optional(),
});

export const EXTRACT_PATH = join(__dirname, '..', '..', 'fixtures', 'bicep-types', 'types.json');

export type TypeExtract = ReadonlyMap<string, TypeShape>;

export function readExtract(): TypeExtract {
  const types = z.record(z.string(), typeShape).parse(JSON.parse(readFileSync(EXTRACT_PATH, 'utf8')));
  return new Map(Object.entries(types));
}

/** Properties of Bicep itself, on every resource. */
const ofBicep = ['parent', 'scope', 'dependsOn'];

/** Names, required properties and fixed values of every resource, against the published types. */
export function typeProblems(file: BicepFile, types: TypeExtract): readonly string[] {
  return file.resources.flatMap(({ symbol, type, existing, body, at }) => {
    const shape = types.get(type);
    if (shape === undefined) return [`${at}: ${type} is not in the extract`];
    const written = valueProblems(body, shape, type, at, existing);
    const read = memberPaths(file.root, symbol).flatMap((path) => readProblem(path, shape, `${at}: ${type}`));
    return [...written, ...read];
  });
}

function valueProblems(
  value: BicepValue,
  shape: TypeShape,
  path: string,
  at: string,
  existing = false,
): readonly string[] {
  switch (value.kind) {
    case 'object':
      return shape.properties === undefined
        ? shape.open === true
          ? []
          : [`${at}: ${path} takes no object`]
        : objectProblems(value, shape.properties, shape.open === true, path, existing);
    case 'array':
      return value.items.flatMap((item) =>
        shape.items === undefined
          ? [`${at}: ${path} takes no list`]
          : valueProblems(item, shape.items, `${path}[]`, at),
      );
    case 'loop':
      // The body of a resource loop, or the items of a list.
      return valueProblems(value.body, shape.items ?? shape, path, at, existing);
    case 'choice':
      return value.values.flatMap((choice) => valueProblems(choice, shape, path, at, existing));
    case 'string':
      return shape.values === undefined || value.text === undefined || shape.values.includes(value.text)
        ? []
        : [`${at}: ${path} is '${value.text}', expected one of ${shape.values.join(', ')}`];
    case 'number':
    case 'boolean':
    case 'expression':
      return [];
  }
}

function objectProblems(
  value: Extract<BicepValue, { readonly kind: 'object' }>,
  properties: Readonly<Record<string, PropertyShape>>,
  open: boolean,
  path: string,
  existing: boolean,
): readonly string[] {
  const isRoot = path.includes('@') && !path.includes(' ');
  const given = new Set(value.properties.map(({ name }) => name));
  const missing = existing
    ? []
    : Object.entries(properties)
        .filter(([name, { required }]) => required === true && !given.has(name))
        .map(([name]) => `${value.at}: ${path} needs ${name}`);
  const wrong = value.properties.flatMap((property) => {
    if (property.name === undefined || (isRoot && ofBicep.includes(property.name))) return [];
    return propertyProblems(property, property.name, properties[property.name], open, path);
  });
  return [...missing, ...wrong];
}

function propertyProblems(
  { value, at }: BicepProperty,
  name: string,
  known: PropertyShape | undefined,
  open: boolean,
  path: string,
): readonly string[] {
  if (known === undefined) return open ? [] : [`${at}: ${path} has no ${name}`];
  if (known.readOnly === true) return [`${at}: ${path} ${name} cannot be set`];
  return known.shape === undefined ? [] : valueProblems(value, known.shape, `${path} ${name}`, at);
}

/** Members of a symbol that Bicep itself gives. */
const symbolMembers = ['id', 'name', 'type', 'apiVersion'];

function readProblem(path: readonly string[], shape: TypeShape, where: string): readonly string[] {
  if (path.length === 1 && symbolMembers.includes(path[0] ?? '')) return [];
  let current: TypeShape | undefined = shape;
  for (const [index, name] of path.entries()) {
    const property: PropertyShape | undefined = current?.properties?.[name];
    if (property === undefined) return [`${where} has no ${path.slice(0, index + 1).join('.')} to read`];
    current = property.shape;
  }
  return [];
}
