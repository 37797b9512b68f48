import type { Node } from 'web-tree-sitter';
import { at, type BicepFile, nodesOf, objectsOf, propertyNamed } from './syntax';

/** Functions of Bicep that the templates use; an unknown name is most likely a slip. */
const functions = new Set([
  ...['cidrSubnet', 'concat', 'empty', 'environment', 'guid', 'last', 'loadTextContent', 'replace', 'resourceGroup'],
  ...[
    'split',
    'subscription',
    'subscriptionResourceId',
    'take',
    'tenant',
    'toLower',
    'toObject',
    'union',
    'uniqueString',
  ],
]);

/** Names that nothing declares, and declared ones that nothing uses. */
export function nameProblems(file: BicepFile): readonly string[] {
  const global = new Set([
    ...file.parameters.map(({ name }) => name),
    ...file.variables.keys(),
    ...file.resources.map(({ symbol }) => symbol),
    ...file.modules.map(({ symbol }) => symbol),
  ]);
  const used = usesOf(file.root);
  const unknown = used
    .filter((node) => !global.has(node.text) && !localNames(node).has(node.text))
    .map((node) => `${at(file.path, node)}: nothing is called ${node.text}`);
  const names = new Set(used.map(({ text }) => text));
  const unused = [...file.parameters.map(({ name }) => name), ...file.variables.keys()]
    .filter((name) => !names.has(name))
    .map((name) => `${file.path}: nothing uses ${name}`);
  const calls = nodesOf(file.root)
    .filter(({ type }) => type === 'call_expression')
    .map((node) => node.childForFieldName('function'))
    .filter((name): name is Node => name?.type === 'identifier' && !isInDecorator(name) && !functions.has(name.text));
  return [...unknown, ...unused, ...calls.map((name) => `${at(file.path, name)}: no function ${name.text} is known`)];
}

/** Identifiers that stand for a value: no names of declarations, properties, functions or types. */
function usesOf(root: Node): readonly Node[] {
  return nodesOf(root).filter((node) => {
    const { parent } = node;
    if (node.type !== 'identifier' || parent === null || isInDecorator(node)) return false;
    const first = parent.firstNamedChild?.id === node.id;
    if (
      parent.type.endsWith('_declaration') ||
      ['object_property', 'lambda_expression', 'for_statement'].includes(parent.type)
    )
      return !first;
    if (parent.type === 'call_expression') return !first;
    return parent.type !== 'type';
  });
}

function isInDecorator(node: Node): boolean {
  for (let up: Node | null = node; up !== null; up = up.parent) if (up.type === 'decorator') return true;
  return false;
}

/** Variables of the loops and lambdas around a node. */
function localNames(node: Node): ReadonlySet<string> {
  const names = new Set<string>();
  for (let up = node.parent; up !== null; up = up.parent) {
    if (up.type !== 'for_statement' && up.type !== 'lambda_expression') continue;
    const first = up.firstNamedChild;
    for (const name of first?.type === 'for_loop_parameters' ? first.namedChildren : [first])
      if (name !== null) names.add(name.text);
  }
  return names;
}

/** What a module is given against what it asks for, and outputs that are read against those it has. */
export function moduleProblems(
  file: BicepFile,
  moduleFile: (path: string) => BicepFile | undefined,
): readonly string[] {
  return file.modules.flatMap(({ symbol, path, body, at: where }) => {
    const target = moduleFile(path);
    if (target === undefined) return [`${where}: there is no ${path}`];
    const given = new Set(
      objectsOf(propertyNamed(body, 'params') ?? body)
        .flatMap(({ properties }) => properties)
        .map(({ name }) => name),
    );
    const asked = new Map(target.parameters.map((parameter) => [parameter.name, parameter]));
    return [
      ...[...given]
        .filter((name) => !asked.has(name ?? ''))
        .map((name) => `${where}: ${path} takes no ${String(name)}`),
      ...target.parameters
        .filter(({ name, required }) => required && !given.has(name))
        .map(({ name }) => `${where}: ${path} needs ${name}`),
      ...memberPaths(file.root, symbol)
        .filter(([first, name]) => first !== 'outputs' || !target.outputs.includes(name ?? ''))
        .map((members) => `${where}: ${path} has no ${members.join('.')}`),
    ];
  });
}

/** The members that are read of a symbol, such as ['outputs', 'id']; `!` and `?` left out. */
export function memberPaths(root: Node, symbol: string): readonly (readonly string[])[] {
  return nodesOf(root)
    .filter(({ type, parent }) => type === 'member_expression' && parent?.type !== 'member_expression')
    .map(({ text }) => /^(\w+)[!?]?((?:\.\??\w+)+)$/.exec(text))
    .filter((match) => match?.[1] === symbol)
    .map((match) => (match?.[2] ?? '').replace(/\?/g, '').split('.').slice(1));
}
