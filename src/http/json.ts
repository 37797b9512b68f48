/** @returns what the text holds; undefined when it is no JSON. The parser's own error may quote the text, so it is not passed on. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** @returns the object with its names in lower case; anything else as it is. For services that write camelCase or PascalCase. */
export function withLowerCaseNames(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name.toLowerCase(), value as unknown]));
}
