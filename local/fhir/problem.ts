import type { OperationOutcome, OperationOutcomeIssue } from 'fhir/r4';

/** A refused interaction: becomes the HTTP status and an OperationOutcome. */
export class FhirProblem extends Error {
  readonly code = 'FhirProblem';
  readonly status: number;
  readonly issues: readonly OperationOutcomeIssue[];

  constructor(status: number, issueCode: OperationOutcomeIssue['code'], diagnostics: string, expression?: string) {
    super(diagnostics);
    this.name = 'FhirProblem';
    this.status = status;
    this.issues = [issue(issueCode, diagnostics, expression)];
  }
}

/** A resource that breaks a definition or a rule of this server; one issue for each finding. */
export class InvalidResource extends FhirProblem {
  override readonly issues: readonly OperationOutcomeIssue[];

  constructor(status: 400 | 422, issues: readonly OperationOutcomeIssue[]) {
    super(status, 'invalid', issues.map((each) => each.diagnostics ?? each.code).join('; '));
    this.name = 'InvalidResource';
    this.issues = issues;
  }
}

export function issue(
  code: OperationOutcomeIssue['code'],
  diagnostics: string,
  expression?: string,
): OperationOutcomeIssue {
  return { severity: 'error', code, diagnostics, ...(expression === undefined ? {} : { expression: [expression] }) };
}

export function outcomeOf(issues: readonly OperationOutcomeIssue[]): OperationOutcome {
  return { resourceType: 'OperationOutcome', issue: [...issues] };
}

export const allOkOutcome: OperationOutcome = {
  resourceType: 'OperationOutcome',
  issue: [{ severity: 'information', code: 'informational', diagnostics: 'All OK' }],
};
