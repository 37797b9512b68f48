import { getDataType, OperationOutcomeError, validateResource } from '@medplum/core';
import type { OperationOutcomeIssue } from 'fhir/r4';
import type { MedplumResource } from './definitions';
import { breachesOfOwnRules } from './ownRules';
import { FhirProblem, InvalidResource, issue } from './problem';
import { isJsonObject } from './resource';
import type { JsonObject } from './resource';

const RESOURCE_ID = /^[A-Za-z0-9.-]{1,64}$/;

/**
 * Checks a resource against the R4 definitions (structure, cardinality, types, invariants) and this server's own rules.
 * Existence of references is checked when the write is known whole.
 * @throws InvalidResource with status 422
 */
export function validate(resource: JsonObject): void {
  const issues = [...breachesOfDefinitions(resource), ...doubledChoices(resource), ...breachesOfOwnRules(resource)];
  if (issues.length > 0) {
    throw new InvalidResource(422, issues);
  }
}

/** @throws FhirProblem 400 when the body is no resource of this type */
export function resourceOfType(body: unknown, resourceType: string): JsonObject {
  if (!isJsonObject(body) || typeof body.resourceType !== 'string') {
    throw new FhirProblem(400, 'structure', 'The body is not a FHIR resource');
  }
  if (body.resourceType !== resourceType) {
    throw new FhirProblem(400, 'invalid', `Expected ${resourceType} but the body is another type of resource`);
  }
  return body;
}

/** @throws FhirProblem 404 for a resource type that R4 does not have */
export function checkResourceType(resourceType: string): void {
  let known = false;
  try {
    known = getDataType(resourceType).elements.meta !== undefined;
  } catch {
    known = false;
  }
  if (!known) {
    throw new FhirProblem(404, 'not-supported', 'Unknown resource type');
  }
}

/** @throws FhirProblem 400 */
export function checkId(id: string): void {
  if (!RESOURCE_ID.test(id)) {
    throw new FhirProblem(400, 'value', 'The id has characters or a length that FHIR does not allow');
  }
}

/** Medplum lets `valueInteger` stand next to `valueString`. Only the elements of the resource itself are looked at. */
function doubledChoices(resource: JsonObject): OperationOutcomeIssue[] {
  const type = String(resource.resourceType);
  return Object.keys(getDataType(type).elements)
    .filter((element) => element.endsWith('[x]'))
    .filter((element) => {
      const form = new RegExp(`^${element.slice(0, -3)}[A-Z]`);
      return Object.keys(resource).filter((key) => form.test(key)).length > 1;
    })
    .map((element) => issue('structure', 'Only one value is allowed', `${type}.${element}`));
}

function breachesOfDefinitions(resource: JsonObject): OperationOutcomeIssue[] {
  try {
    validateResource(resource as unknown as MedplumResource);
    return [];
  } catch (error) {
    if (error instanceof OperationOutcomeError) {
      return (error.outcome.issue as OperationOutcomeIssue[])
        .filter((each) => each.severity === 'error' || each.severity === 'fatal')
        .map((each) => issue(each.code, each.details?.text ?? 'Invalid', each.expression?.[0]));
    }
    throw error;
  }
}
