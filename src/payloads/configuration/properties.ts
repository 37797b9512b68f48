import { InvalidConfiguration } from './invalidConfiguration';

/** Properties of a Java .properties file by their key. */
export type Properties = ReadonlyMap<string, string>;

/**
 * @returns the property without blanks around it
 * @throws InvalidConfiguration when it is not there
 */
export function requiredProperty(file: string, properties: Properties, key: string, expected: string): string {
  const value = properties.get(key)?.trim();
  if (value === undefined || value === '') throw new InvalidConfiguration(file, key, `expected ${expected}`);
  return value;
}
