import { HostStartError } from './errors';

export type RouteConstraint = (value: string) => boolean;

const INTEGER = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)$/;
const GUID = /^\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$/i;

/**
 * One constraint of an ASP.NET Core route template: `int`, `guid`, `alpha`, `length(2,5)`, `regex(^a+$)`...
 *
 * @throws {HostStartError} for a constraint that this host does not know.
 */
export function parseRouteConstraint(text: string): RouteConstraint {
  const match = /^(?<name>[a-z]+)(?:\((?<argument>.*)\))?$/i.exec(text);
  const name = match?.groups?.name?.toLowerCase();
  const argument = match?.groups?.argument;
  const constraint = name === undefined ? undefined : constraintOf(name, argument);
  if (constraint === undefined) throw new HostStartError(`Unknown route constraint "${text}"`);
  return constraint;
}

function constraintOf(name: string, argument: string | undefined): RouteConstraint | undefined {
  return argument === undefined ? plainConstraint(name) : constraintWithArgument(name, argument);
}

function plainConstraint(name: string): RouteConstraint | undefined {
  switch (name) {
    case 'int':
      return (value) => INTEGER.test(value) && Math.abs(Number(value)) <= 2 ** 31;
    case 'long':
      return (value) => INTEGER.test(value);
    case 'decimal':
    case 'double':
    case 'float':
      return (value) => DECIMAL.test(value);
    case 'bool':
      return (value) => /^(?:true|false)$/i.test(value);
    case 'guid':
      return (value) => GUID.test(value);
    case 'alpha':
      return (value) => /^[a-z]*$/i.test(value);
    case 'datetime':
      return (value) => !Number.isNaN(Date.parse(value));
    case 'required':
      return (value) => value !== '';
    default:
      return undefined;
  }
}

function constraintWithArgument(name: string, argument: string): RouteConstraint | undefined {
  if (name === 'regex') {
    const pattern = new RegExp(argument.replaceAll('{{', '{').replaceAll('}}', '}'), 'i');
    return (value) => pattern.test(value);
  }
  const [first, second] = argument.split(',').map(Number);
  if (first === undefined || Number.isNaN(first) || Number.isNaN(second ?? 0)) return undefined;
  const isWithin = (number: number, low: number, high: number): boolean => number >= low && number <= high;
  switch (name) {
    case 'length':
      return (value) => isWithin(value.length, first, second ?? first);
    case 'minlength':
      return (value) => value.length >= first;
    case 'maxlength':
      return (value) => value.length <= first;
    case 'min':
      return (value) => INTEGER.test(value) && Number(value) >= first;
    case 'max':
      return (value) => INTEGER.test(value) && Number(value) <= first;
    case 'range':
      return (value) => INTEGER.test(value) && isWithin(Number(value), first, second ?? first);
    default:
      return undefined;
  }
}
