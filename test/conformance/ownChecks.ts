import type { Resource } from 'fhir/r4';

/** What no validator at hand sees (FHIR R4 datatypes: string, code): blanks at the ends, control characters, empty texts. */
export function ownChecks(resource: Resource): readonly string[] {
  const problems: string[] = [];
  walk(resource, resource.resourceType, (text, path) => {
    if (text === '') problems.push(`${path} is an empty string`);
    if (text !== text.trim()) problems.push(`${path} has blanks at its ends`);
    if (/[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F]/.test(text)) problems.push(`${path} has a control character`);
    if (path.endsWith('.code') && /\s/.test(text)) problems.push(`${path} has a blank in a code`);
  });
  return problems;
}

function walk(value: unknown, path: string, visit: (text: string, path: string) => void): void {
  if (typeof value === 'string') visit(value, path);
  else if (Array.isArray(value)) value.forEach((item, index) => walk(item, `${path}[${index}]`, visit));
  else if (typeof value === 'object' && value !== null)
    for (const [key, member] of Object.entries(value)) walk(member, `${path}.${key}`, visit);
}
