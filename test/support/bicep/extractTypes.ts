/**
 * Makes test/fixtures/bicep-types/types.json: of the published types of each resource in infra/, the places that the templates go into.
 *
 *     node --require ./test/support/typescriptHook.cjs test/support/bicep/extractTypes.ts <checkout of Azure/bicep-types-az>
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { memberPaths } from './names';
import { type BicepFile, type BicepValue, parseBicep } from './syntax';
import { EXTRACT_PATH, type PropertyShape, type TypeShape } from './types';

const reference = z.object({ $ref: z.string().regex(/^#\/\d+$/) });
const property = z.object({ type: reference, flags: z.number() });
const published = z.object({
  $type: z.string(),
  name: z.string().optional(),
  value: z.string().optional(),
  body: reference.optional(),
  discriminator: z.string().optional(),
  properties: z.record(z.string(), property).optional(),
  baseProperties: z.record(z.string(), property).optional(),
  additionalProperties: reference.optional(),
  itemType: reference.optional(),
  elements: z.union([z.array(reference), z.record(z.string(), reference)]).optional(),
});
type Published = z.output<typeof published>;

// Flags of a property, as the types' own documentation numbers them.
const REQUIRED = 1;
const READ_ONLY = 2;

/** Where a template goes into a type: what is written there, and members that are read. */
interface Visit {
  readonly values: readonly BicepValue[];
  readonly reads: readonly (readonly string[])[];
}

function shapeOf(types: readonly Published[], type: Published, visit: Visit): TypeShape {
  const find = ({ $ref }: { readonly $ref: string }): Published => {
    const found = types[Number($ref.slice(2))];
    if (found === undefined) throw new Error(`No type ${$ref}`);
    return found;
  };
  switch (type.$type) {
    case 'DiscriminatedObjectType': {
      const name = visit.values
        .flatMap((value) => (value.kind === 'object' ? value.properties : []))
        .find((given) => given.name === type.discriminator)?.value;
      const element =
        name?.kind === 'string' && !Array.isArray(type.elements) ? type.elements?.[name.text ?? ''] : undefined;
      if (element === undefined) throw new Error(`${String(type.name)}: which ${String(type.discriminator)}?`);
      const own = find(element);
      const shape = shapeOf(types, { ...own, properties: { ...type.baseProperties, ...own.properties } }, visit);
      const discriminator = { required: true, shape: { values: Object.keys(type.elements ?? {}) } } as const;
      return { ...shape, properties: { ...shape.properties, [String(type.discriminator)]: discriminator } };
    }
    case 'ObjectType': {
      const properties = Object.entries(type.properties ?? {}).map(
        ([name, { type: of, flags }]): [string, PropertyShape] => {
          const values = visit.values.flatMap((value) => valuesAt(value, name));
          const reads = visit.reads.flatMap(([first, ...rest]) => (first === name && rest.length > 0 ? [rest] : []));
          const looked = values.length > 0 || reads.length > 0;
          return [
            name,
            {
              ...((flags & REQUIRED) !== 0 && { required: true }),
              ...((flags & READ_ONLY) !== 0 && { readOnly: true }),
              ...(looked && { shape: shapeOf(types, find(of), { values, reads }) }),
            },
          ];
        },
      );
      return {
        properties: Object.fromEntries(properties),
        ...(type.additionalProperties !== undefined && { open: true }),
      };
    }
    case 'ArrayType':
      return type.itemType === undefined
        ? {}
        : { items: shapeOf(types, find(type.itemType), { values: visit.values.flatMap(itemsOf), reads: [] }) };
    case 'UnionType': {
      const elements = Array.isArray(type.elements) ? type.elements.map(find) : [];
      const texts = elements.flatMap(({ value }) => (value === undefined ? [] : [value]));
      return texts.length === elements.length ? { values: texts } : {};
    }
    case 'StringLiteralType':
      return { values: [type.value ?? ''] };
    case 'AnyType':
      return { open: true };
    default:
      return {};
  }
}

const plain = (value: BicepValue): readonly BicepValue[] =>
  value.kind === 'choice' ? value.values.flatMap(plain) : value.kind === 'loop' ? plain(value.body) : [value];

const valuesAt = (value: BicepValue, name: string): readonly BicepValue[] =>
  plain(value).flatMap((one) =>
    one.kind === 'object' ? one.properties.filter((given) => given.name === name).map((given) => given.value) : [],
  );

/** Flattened: the items of a list, of its choices, and what a loop makes. */
const itemsOf = (value: BicepValue): readonly BicepValue[] =>
  plain(value).flatMap((one) => (one.kind === 'array' ? one.items.flatMap(plain) : [one]));

function publishedTypes(checkout: string, resourceType: string): readonly Published[] {
  const [path = '', version = ''] = resourceType.split('@');
  const namespace = path.split('/')[0]?.toLowerCase() ?? '';
  for (const file of globSync(join(checkout, 'generated', '*', namespace, version, 'types.json'))) {
    const types = z.array(published).parse(JSON.parse(readFileSync(file, 'utf8')));
    if (types.some((type) => isResource(type, resourceType))) return types;
  }
  throw new Error(`No published type ${resourceType}`);
}

const isResource = ({ $type, name }: Published, resourceType: string): boolean =>
  $type === 'ResourceType' && name?.toLowerCase() === resourceType.toLowerCase();

function extract(checkout: string, files: readonly BicepFile[]): Readonly<Record<string, TypeShape>> {
  const found = files.flatMap((file) => file.resources.map((resource) => ({ file, resource })));
  const names = [...new Set(found.map(({ resource }) => resource.type))].sort();
  return Object.fromEntries(
    names.map((name) => {
      const types = publishedTypes(checkout, name);
      const body = types.find((type) => isResource(type, name))?.body;
      const root = body === undefined ? undefined : types[Number(body.$ref.slice(2))];
      if (root === undefined) throw new Error(`${name} has no body`);
      const uses = found.filter(({ resource }) => resource.type === name);
      const values = uses.flatMap(({ resource }) => plain(resource.body));
      const reads = uses.flatMap(({ file, resource }) => memberPaths(file.root, resource.symbol));
      return [name, shapeOf(types, root, { values, reads })];
    }),
  );
}

async function main(): Promise<void> {
  const [checkout] = process.argv.slice(2);
  if (checkout === undefined) throw new Error('Say where a checkout of Azure/bicep-types-az is');
  const files = await Promise.all(
    globSync('infra/**/*.bicep')
      .sort()
      .map((path) => parseBicep(path)),
  );
  writeFileSync(EXTRACT_PATH, `${JSON.stringify(extract(checkout, files), null, 1)}\n`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
