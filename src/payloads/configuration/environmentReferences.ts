import { parseJson } from '../../http/json';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A quote, an escaped character, or `${NAME}` with or without `:-default`. */
const TOKENS = /"|\\[^]|\$\{([A-Za-z_][A-Za-z0-9_.-]*)(?::-([^}]*))?\}/g;

/**
 * Puts environment variables in the place of `${NAME}` and `${NAME:-default}` in a JSON text, before it is parsed, as the FHIR server does.
 * The server puts the value in raw; here it becomes a part of the string that it stands in, whatever characters it holds, and outside of strings
 * it must be one JSON value. A default is part of the text and stays as it is written, and so does a variable that is not set and has no default.
 * @throws UnusableVariable when a value outside of a string is not one JSON value
 */
export function substituteEnvironment(jsonText: string, environment: Environment): string {
  let isInString = false;
  return jsonText.replace(TOKENS, (token: string, name: string | undefined, fallback: string | undefined) => {
    if (token === '"') isInString = !isInString;
    if (name === undefined) return token;
    const value = environment[name];
    if (value === undefined) return fallback ?? token;
    if (isInString) return JSON.stringify(value).slice(1, -1);
    if (parseJson(value) === undefined) throw new UnusableVariable(name);
    return value;
  });
}

export class UnusableVariable extends Error {
  readonly code = 'UnusableVariable';
  override readonly name = 'UnusableVariable';
  constructor(readonly variable: string) {
    super(`the environment variable ${variable} stands outside of quotes: expected one JSON value in it`);
  }
}

/** @returns the name of the first variable that is still referred to */
export function unsetVariable(value: string): string | undefined {
  return /\$\{([A-Za-z_][A-Za-z0-9_.-]*)\}/.exec(value)?.[1];
}
