import { HostStartError } from './errors';
import { parseRouteConstraint, type RouteConstraint } from './routeConstraints';

interface RouteParameter {
  readonly name: string;
  readonly isCatchAll: boolean;
  readonly isOptional: boolean;
  readonly defaultValue: string | undefined;
  readonly constraints: readonly RouteConstraint[];
}

type RoutePart =
  { readonly kind: 'literal'; readonly text: string } | ({ readonly kind: 'parameter' } & RouteParameter);

/** A parsed route template of ASP.NET Core: `studies/{uid}/sync`, `payloads/{type:alpha}/{id?}`, `files/{*path}`. */
export interface RouteTemplate {
  readonly text: string;
  /** Lower comes first when several templates fit: literals before parameters before catch-alls, segment by segment. */
  readonly precedence: readonly number[];
  /** Parameter values, decoded; `undefined` when the path does not fit. Paths are compared without regard to case. */
  match(path: string): Readonly<Record<string, string>> | undefined;
}

/** @throws {HostStartError} when the template cannot be read. */
export function parseRouteTemplate(template: string): RouteTemplate {
  const segments = splitSegments(template).map((segment) => parseSegment(segment, template));
  return {
    text: template,
    precedence: segments.map(segmentPrecedence),
    match: (path) =>
      matchSegments(
        segments,
        path.split('/').filter((segment) => segment !== ''),
      ),
  };
}

export function compareRoutes(a: RouteTemplate, b: RouteTemplate): number {
  for (let index = 0; index < Math.max(a.precedence.length, b.precedence.length); index += 1) {
    const difference = (a.precedence[index] ?? 0) - (b.precedence[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.text.localeCompare(b.text);
}

/** Slashes inside braces belong to a constraint, as in `{x:regex(a/b)}`. */
function splitSegments(template: string): readonly string[] {
  const segments: string[] = [];
  let depth = 0;
  let current = '';
  for (const character of template) {
    if (character === '{') depth += 1;
    if (character === '}') depth -= 1;
    if (character === '/' && depth === 0) {
      segments.push(current);
      current = '';
    } else {
      current += character;
    }
  }
  segments.push(current);
  return segments.filter((segment) => segment !== '');
}

function parseSegment(segment: string, template: string): readonly RoutePart[] {
  const parts: RoutePart[] = [];
  let rest = segment;
  while (rest !== '') {
    const start = rest.indexOf('{');
    if (start !== 0) {
      const text = start === -1 ? rest : rest.slice(0, start);
      parts.push({ kind: 'literal', text });
      rest = rest.slice(text.length);
      continue;
    }
    const end = closingBrace(rest);
    if (end === -1) throw new HostStartError(`Route "${template}": a brace is not closed`);
    parts.push({ kind: 'parameter', ...parseParameter(rest.slice(1, end), template) });
    rest = rest.slice(end + 1);
  }
  return parts;
}

function closingBrace(text: string): number {
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === '{') depth += 1;
    if (text[index] === '}') depth -= 1;
    if (depth === 0) return index;
  }
  return -1;
}

function parseParameter(text: string, template: string): RouteParameter {
  const match =
    /^(?<stars>\*{0,2})(?<name>[^:=?*]+)(?<constraints>(?::(?:[^=?:(]+(?:\(.*?\))?))*)(?:=(?<value>[^?]*))?(?<optional>\?)?$/.exec(
      text,
    );
  const groups = match?.groups;
  if (groups?.name === undefined) throw new HostStartError(`Route "${template}": cannot read {${text}}`);
  const constraints = groups.constraints?.match(/[^:(]+(?:\(.*?\))?/g) ?? [];
  return {
    name: groups.name,
    isCatchAll: groups.stars !== '',
    isOptional: groups.optional !== undefined,
    defaultValue: groups.value,
    constraints: constraints.map(parseRouteConstraint),
  };
}

function segmentPrecedence(parts: readonly RoutePart[]): number {
  const [first] = parts;
  if (first === undefined || (parts.length === 1 && first.kind === 'literal')) return 1;
  if (first.kind === 'literal' || parts.length > 1) return 2;
  const base = first.isCatchAll ? 5 : 3;
  return first.constraints.length > 0 ? base - 0.5 : base;
}

function matchSegments(
  segments: readonly (readonly RoutePart[])[],
  path: readonly string[],
): Record<string, string> | undefined {
  const values: Record<string, string> = {};
  for (const [index, parts] of segments.entries()) {
    const [only] = parts;
    const isWhole = parts.length === 1 && only?.kind === 'parameter';
    if (isWhole && only.isCatchAll) {
      const rest = path.slice(index).map(decode).join('/') || only.defaultValue;
      if (rest !== undefined && !accept(only, rest, values)) return undefined;
      return values;
    }
    const segment = path[index];
    if (segment === undefined) {
      if (!isWhole || (!only.isOptional && only.defaultValue === undefined)) return undefined;
      if (only.defaultValue !== undefined) values[only.name] = only.defaultValue;
    } else if (!matchParts(parts, segment, values)) {
      return undefined;
    }
  }
  return path.length > segments.length ? undefined : values;
}

function matchParts(parts: readonly RoutePart[], segment: string, values: Record<string, string>): boolean {
  const pattern = parts.map((part) => (part.kind === 'literal' ? escapeRegExp(part.text) : '(.+)')).join('');
  const match = new RegExp(`^${pattern}$`, 'i').exec(decode(segment));
  if (match === null) return false;
  const parameters = parts.filter((part) => part.kind === 'parameter');
  return parameters.every((parameter, index) => accept(parameter, match[index + 1] ?? '', values));
}

function accept(parameter: RouteParameter, value: string, values: Record<string, string>): boolean {
  if (!parameter.constraints.every((constraint) => constraint(value))) return false;
  values[parameter.name] = value;
  return true;
}

/** An encoded slash stays encoded, as in ASP.NET Core. */
function decode(segment: string): string {
  try {
    return segment
      .split(/(%2f)/i)
      .map((part) => (/^%2f$/i.test(part) ? part : decodeURIComponent(part)))
      .join('');
  } catch {
    return segment;
  }
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
