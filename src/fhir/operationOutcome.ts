import type { OperationOutcome } from 'fhir/r4';
import { z } from 'zod';
import { parseJson } from '../http/json';

const outcomeSchema = z.looseObject({ resourceType: z.literal('OperationOutcome'), issue: z.array(z.unknown()) });

/** The OperationOutcome that a body holds; undefined for any other body, such as an HTML page. */
export function readOutcome(body: string): OperationOutcome | undefined {
  const parsed = outcomeSchema.safeParse(parseJson(body));
  // Only the frame is checked: whoever reads an issue must expect anything.
  return parsed.success ? (parsed.data as unknown as OperationOutcome) : undefined;
}

const issueSchema = z.object({
  code: z.string().optional().catch(undefined),
  diagnostics: z.string().optional().catch(undefined),
  details: z.object({ text: z.string().optional() }).optional().catch(undefined),
});

/**
 * Whether a refusal means that a condition matched several resources: by the issue code `multiple-matches` (FHIR R4,
 * issue-type), or by the words of servers that use a coarser code (HAPI, Microsoft).
 */
export function saysSeveralMatches(outcome: OperationOutcome | undefined): boolean {
  return issuesOf(outcome).some(
    ({ code, diagnostics = '', details }) =>
      code === 'multiple-matches' || SEVERAL_MATCHES.test(`${diagnostics} ${details?.text ?? ''}`),
  );
}

const SEVERAL_MATCHES =
  /HAPI-0958|multiple (resources?|match)|more than one|several match|not selective enough|match(es|ed)? (?!0 |1 )\d{1,9} resources/i;

/** Whether a refusal means that a resource is gone. */
export function saysDeleted(outcome: OperationOutcome | undefined): boolean {
  return issuesOf(outcome).some(({ code }) => code === 'deleted');
}

function issuesOf(outcome: OperationOutcome | undefined): readonly z.output<typeof issueSchema>[] {
  return (outcome?.issue ?? []).flatMap((issue: unknown) => {
    const parsed = issueSchema.safeParse(issue);
    return parsed.success ? [parsed.data] : [];
  });
}
