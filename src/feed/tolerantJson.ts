/**
 * Parses JSON, and on a second try JSON with comments and trailing commas, which the old DICOM Cast accepted as well.
 * @throws SyntaxError, whose text may quote what could not be read
 */
export function parseTolerantJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const strict = withoutTrailingCommas(withoutComments(text));
    if (strict === text) throw error;
    return JSON.parse(strict) as unknown;
  }
}

/** Strings are matched first, so that nothing inside of one is taken for a comment or a comma. */
function withoutComments(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|\/\*[^]*?\*\/|\/\/[^\r\n]*/g, (match) =>
    match.startsWith('"') ? match : ' ',
  );
}

function withoutTrailingCommas(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|,(?=\s*[\]}])/g, (match) => (match === ',' ? '' : match));
}
