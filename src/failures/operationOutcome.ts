import { z } from 'zod';
import { limitText } from './limitText';

/** What an OperationOutcome says, apart by what may be shown to anyone. */
export interface OutcomeFacts {
  /** Severity, code and place of each issue: closed values and element names, no patient data. */
  readonly summary: string;
  /** The free texts of the server. May hold patient data. */
  readonly serverText?: string;
}

const loose = z.string().optional().catch(undefined);
const schema = z.object({
  issue: z
    .array(
      z.object({
        severity: loose,
        code: loose,
        diagnostics: loose,
        details: z.object({ text: loose }).optional().catch(undefined),
        expression: z.array(z.string()).optional().catch(undefined),
        location: z.array(z.string()).optional().catch(undefined),
      }),
    )
    .min(1),
});

/** Reads an OperationOutcome leniently (FHIR R4, operationoutcome.html); undefined when there is none. */
export function outcomeFacts(outcome: unknown): OutcomeFacts | undefined {
  const parsed = schema.safeParse(outcome);
  if (!parsed.success) return undefined;
  const issues = [...parsed.data.issue].sort((a, b) => rank(a.severity) - rank(b.severity)).slice(0, 5);
  const texts = issues
    .flatMap(({ details, diagnostics }) => [details?.text, diagnostics])
    .filter((text) => text !== undefined);
  const serverText = limitText([...new Set(texts)].join('; '), 2000);
  return {
    summary: issues
      .map(({ severity, code, expression, location }) =>
        [plain(severity), plain(code), place(expression ?? location)].filter((part) => part !== undefined).join(' '),
      )
      .filter((part) => part !== '')
      .join('; '),
    ...(serverText !== '' && { serverText }),
  };
}

const severities = ['fatal', 'error', 'warning', 'information'];
const rank = (severity = ''): number =>
  severities.includes(severity) ? severities.indexOf(severity) : severities.length;

const plain = (value: string | undefined): string | undefined =>
  value !== undefined && /^[a-z-]{1,32}$/.test(value) ? value : undefined;

/** A FHIRPath of names and indexes; one with literals could quote data and is left out. */
function place(expressions: readonly string[] | undefined): string | undefined {
  const path = expressions?.find((text) => /^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*|\[\d{1,6}\])*$/.test(text));
  return path === undefined ? undefined : `at ${limitText(path, 200)}`;
}
