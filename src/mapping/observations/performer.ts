import type { Practitioner, Reference } from 'fhir/r4';
import { Attribute } from '../../dicom/attributes';
import { personNameValue } from '../../dicom/personName';
import { textValue } from '../../dicom/text';
import { conceptKey } from '../coding';
import { humanNames } from '../humanName';
import type { IssueCollector } from '../issueCollector';
import type { MappingOptions } from '../options';
import type { ContentItem } from './contentTree';
import { Concept, keyOf } from './doseConcepts';

/** Who authorized the irradiation, inside the Observation: a report does not identify a person well enough for a resource of its own. */
export interface Authorizer {
  readonly practitioner: Practitioner;
  readonly reference: Reference;
}

const CONTAINED_ID = 'irr';

/**
 * @returns the person at the root of the report (TID 1020) whose role is Irradiation Authorizing. Who administered it does not
 *   count, nor do the persons under Dose Check Alert Details (113900), who authorized a scan in spite of an alert.
 */
export function authorizerOf(
  root: ContentItem,
  options: MappingOptions,
  issues: IssueCollector,
): Authorizer | undefined {
  for (const person of root.named(Concept.PersonName, 'PNAME')) {
    if (!authorizes(person)) continue;
    const name = issues.take(personNameValue(person.dataset, Attribute.PersonName));
    if (name === undefined) continue;
    const id = options.personIdSystem === undefined ? undefined : personId(person);
    return {
      practitioner: {
        resourceType: 'Practitioner',
        id: CONTAINED_ID,
        ...(id === undefined ? {} : { identifier: [{ system: options.personIdSystem, value: id }] }),
        name: [...humanNames(name, options)],
      },
      reference: { reference: `#${CONTAINED_ID}`, type: 'Practitioner' },
    };
  }
  return undefined;
}

function authorizes(person: ContentItem): boolean {
  return person.named(Concept.PersonRoleInProcedure, 'CODE').some(({ code }) => {
    return code !== undefined && conceptKey(code) === keyOf(Concept.IrradiationAuthorizing);
  });
}

function personId(person: ContentItem): string | undefined {
  const [item] = person.named(Concept.PersonId, 'TEXT');
  return item === undefined ? undefined : textValue(item.dataset, Attribute.TextValue).value;
}
