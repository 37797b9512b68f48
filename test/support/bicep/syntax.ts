import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Language, type Node, Parser } from 'web-tree-sitter';

/** A value as it is written, as far as a check can tell without evaluating it. */
export type BicepValue =
  | { readonly kind: 'object'; readonly properties: readonly BicepProperty[]; readonly at: string }
  | { readonly kind: 'array'; readonly items: readonly BicepValue[] }
  /** `text` is undefined where a part is worked out at deployment. */
  | { readonly kind: 'string'; readonly text: string | undefined; readonly written: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'boolean'; readonly text: string }
  /** One of these, by a condition. */
  | { readonly kind: 'choice'; readonly values: readonly BicepValue[] }
  /** Several of these. */
  | { readonly kind: 'loop'; readonly body: BicepValue }
  | { readonly kind: 'expression'; readonly text: string };

export interface BicepProperty {
  /** Undefined where it is worked out at deployment. */
  readonly name: string | undefined;
  readonly value: BicepValue;
  readonly at: string;
}

export interface BicepParameter {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly fallback: BicepValue | undefined;
  readonly decorators: readonly string[];
}

export interface BicepResource {
  readonly symbol: string;
  /** Such as `Microsoft.Web/sites@2024-04-01`. */
  readonly type: string;
  readonly existing: boolean;
  readonly body: BicepValue;
  readonly at: string;
}

export interface BicepModule {
  readonly symbol: string;
  readonly path: string;
  readonly body: BicepValue;
  readonly at: string;
}

export interface BicepFile {
  readonly path: string;
  readonly root: Node;
  readonly parameters: readonly BicepParameter[];
  readonly variables: ReadonlyMap<string, BicepValue>;
  readonly resources: readonly BicepResource[];
  readonly modules: readonly BicepModule[];
  readonly outputs: readonly string[];
}

let loading: Promise<Parser> | undefined;

async function load(): Promise<Parser> {
  await Parser.init();
  const parser = new Parser();
  const grammar = join(dirname(require.resolve('tree-sitter-bicep/package.json')), 'tree-sitter-bicep.wasm');
  parser.setLanguage(await Language.load(readFileSync(grammar)));
  return parser;
}

/** Reads a Bicep file. What cannot be parsed is in `syntaxErrors`. */
export async function parseBicep(path: string, text = readFileSync(path, 'utf8')): Promise<BicepFile> {
  const tree = (await (loading ??= load())).parse(text);
  if (tree === null) throw new Error(`${path} could not be parsed`);
  return declarations(path, tree.rootNode);
}

/** Where the text is no Bicep. */
export function syntaxErrors({ path, root }: BicepFile): readonly string[] {
  return nodesOf(root)
    .filter((node) => node.isError || node.isMissing)
    .map((node) => `${at(path, node)}: cannot be parsed: ${node.text.slice(0, 40)}`);
}

/** The node and all below it, in the order of the text. */
export function nodesOf(node: Node): readonly Node[] {
  return [node, ...node.children.flatMap(nodesOf)];
}

export const at = (path: string, node: Node): string => `${path}:${node.startPosition.row + 1}`;

function declarations(path: string, root: Node): BicepFile {
  const parameters: BicepParameter[] = [];
  const variables = new Map<string, BicepValue>();
  const resources: BicepResource[] = [];
  const modules: BicepModule[] = [];
  const outputs: string[] = [];
  let decorators: readonly string[] = [];
  for (const node of named(root)) {
    const [first, second] = named(node);
    const last = named(node).at(-1);
    const symbol = first?.text ?? '';
    switch (node.type) {
      case 'decorators':
        decorators = named(node).map(({ text }) => text);
        continue;
      case 'parameter_declaration':
        parameters.push(parameterOf(path, node, decorators));
        break;
      case 'variable_declaration':
        if (last !== undefined) variables.set(symbol, valueOf(path, last));
        break;
      case 'resource_declaration':
        resources.push({
          symbol,
          type: unquoted(second),
          existing: node.children.some((child) => child.type === 'existing'),
          body: valueOf(path, last ?? node),
          at: at(path, node),
        });
        break;
      case 'module_declaration':
        modules.push({ symbol, path: unquoted(second), body: valueOf(path, last ?? node), at: at(path, node) });
        break;
      case 'output_declaration':
        outputs.push(symbol);
        break;
    }
    decorators = [];
  }
  return { path, root, parameters, variables, resources, modules, outputs };
}

function parameterOf(path: string, node: Node, decorators: readonly string[]): BicepParameter {
  const [name, type, fallback] = named(node);
  return {
    name: name?.text ?? '',
    type: type?.text ?? '',
    required: fallback === undefined,
    fallback: fallback === undefined ? undefined : valueOf(path, fallback),
    decorators,
  };
}

const named = (node: Node): readonly Node[] => node.namedChildren.filter(({ type }) => type !== 'comment');

const unquoted = (node: Node | undefined): string => (node?.text ?? '').slice(1, -1);

function valueOf(path: string, node: Node): BicepValue {
  const children = named(node);
  switch (node.type) {
    case 'object':
      return { kind: 'object', at: at(path, node), properties: children.map((child) => propertyOf(path, child)) };
    case 'array':
      return { kind: 'array', items: children.map((child) => valueOf(path, child)) };
    case 'string':
      return { kind: 'string', text: stringOf(node), written: node.text.slice(1, -1) };
    case 'number':
    case 'boolean':
      return { kind: node.type, text: node.text };
    case 'ternary_expression':
      return { kind: 'choice', values: children.slice(1).map((child) => valueOf(path, child)) };
    case 'for_statement':
      return { kind: 'loop', body: valueOf(path, children.at(-1) ?? node) };
    case 'if_statement':
      return valueOf(path, children.at(-1) ?? node);
    default:
      return { kind: 'expression', text: node.text };
  }
}

function propertyOf(path: string, node: Node): BicepProperty {
  const [name, value] = named(node);
  return {
    name: name?.type === 'string' ? stringOf(name) : name?.text,
    value: value === undefined ? { kind: 'expression', text: node.text } : valueOf(path, value),
    at: at(path, node),
  };
}

function stringOf(node: Node): string | undefined {
  if (named(node).some(({ type }) => type === 'interpolation')) return undefined;
  return node.text.startsWith("'''") ? node.text.slice(3, -3) : node.text.slice(1, -1);
}

/** Every object that the value may turn out to be. */
export function objectsOf(value: BicepValue): readonly Extract<BicepValue, { readonly kind: 'object' }>[] {
  switch (value.kind) {
    case 'object':
      return [value];
    case 'choice':
      return value.values.flatMap(objectsOf);
    case 'loop':
      return objectsOf(value.body);
    case 'array':
    case 'string':
    case 'number':
    case 'boolean':
    case 'expression':
      return [];
  }
}

/** The value of a property of an object. */
export function propertyNamed(value: BicepValue, name: string): BicepValue | undefined {
  return objectsOf(value)
    .flatMap(({ properties }) => properties)
    .find((property) => property.name === name)?.value;
}
