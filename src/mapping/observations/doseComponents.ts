import type { ObservationComponent } from 'fhir/r4';
import type { CodeItem } from '../../dicom/codeSequence';
import { codeableConceptOf, conceptKey } from '../coding';
import type { IssueCollector } from '../issueCollector';
import type { MappingOptions } from '../options';
import type { ContentItem } from './contentTree';
import { Concept, type DoseConcept, keyOf } from './doseConcepts';
import { absentReason, type ComponentValue, measuredValue } from './measuredValue';

/** One row of a table of components: what to look for, what it becomes, and below which children of the container it stands. */
export interface ComponentRow {
  readonly concept: DoseConcept;
  readonly form: 'quantity' | 'integer' | 'code';
  readonly under?: Parent;
}

interface Parent {
  readonly concept: DoseConcept;
  readonly valueType: 'CONTAINER' | 'CODE';
}

/** A container to look in; the qualifier tells it from others of its kind. */
export interface DoseContainer {
  readonly item: ContentItem;
  readonly qualifier?: string | undefined;
}

const quantity = (concept: DoseConcept, under?: Parent): ComponentRow => row(concept, 'quantity', under);
const integer = (concept: DoseConcept): ComponentRow => row(concept, 'integer');
const code = (concept: DoseConcept, under?: Parent): ComponentRow => row(concept, 'code', under);
const ctDose: Parent = { concept: Concept.CtDose, valueType: 'CONTAINER' };
const agent: Parent = { concept: Concept.RadiopharmaceuticalAgent, valueType: 'CODE' };

/** Of (113811) CT Accumulated Dose Data, TID 10012. */
export const ctAccumulatedRows: readonly ComponentRow[] = [
  quantity(Concept.CtDoseLengthProductTotal),
  integer(Concept.CtTotalEvents),
  quantity(Concept.EffectiveDose),
  quantity(Concept.CtDoseLengthProductSubTotal),
];

/** Of each (113702) Accumulated X-Ray Dose Data, TID 10002 and what it includes. */
export const xRayAccumulatedRows: readonly ComponentRow[] = [
  quantity(Concept.DoseAreaProductTotal),
  quantity(Concept.DoseRpTotal),
  quantity(Concept.FluoroDoseAreaProductTotal),
  quantity(Concept.AcquisitionDoseAreaProductTotal),
  quantity(Concept.FluoroDoseRpTotal),
  quantity(Concept.AcquisitionDoseRpTotal),
  quantity(Concept.TotalFluoroTime),
  integer(Concept.TotalFrames),
  quantity(Concept.TotalAcquisitionTime),
  quantity(Concept.AccumulatedGlandularDose),
  quantity(Concept.EffectiveDose),
];

/** Of (113502) Radiopharmaceutical Administration, TID 10022. */
export const administrationRows: readonly ComponentRow[] = [
  quantity(Concept.AdministeredActivity),
  quantity(Concept.RadiopharmaceuticalVolume),
  code(Concept.RadiopharmaceuticalAgent),
  code(Concept.Radionuclide, agent),
  code(Concept.RouteOfAdministration),
];

/** Of (113819) CT Acquisition, TID 10013. */
export const ctEventRows: readonly ComponentRow[] = [
  quantity(Concept.MeanCtdiVol, ctDose),
  quantity(Concept.DoseLengthProduct, ctDose),
  code(Concept.PhantomType, ctDose),
  code(Concept.CtAcquisitionType),
];

/** Of (113706) Irradiation Event X-Ray Data, TID 10003. */
export const xRayEventRows: readonly ComponentRow[] = [
  quantity(Concept.DoseRp),
  quantity(Concept.DoseAreaProduct),
  quantity(Concept.GlandularDose),
  code(Concept.EventType),
];

/**
 * @returns one component for each item that stands where the template puts it, in the order of the rows; a concept that repeats
 *   (breasts, planes) gives as many components, told apart by their text
 */
export function componentsOf(
  containers: readonly DoseContainer[],
  rows: readonly ComponentRow[],
  options: MappingOptions,
  issues: IssueCollector,
): readonly ObservationComponent[] {
  return rows.flatMap(({ concept, form, under }) =>
    containers.flatMap(({ item, qualifier }) => {
      const parents = under === undefined ? [item] : item.named(under.concept, under.valueType);
      const found = parents.flatMap((parent) => parent.named(concept, form === 'code' ? 'CODE' : 'NUM'));
      return found.map((value) => ({
        code: {
          coding: [{ system: concept.system, code: concept.code }],
          text: [concept.name, qualifierOf(value, concept), qualifier].filter((text) => text !== undefined).join(' - '),
        },
        ...(form === 'code' ? codedValue(value, options) : measuredValue(value, form, issues)),
      }));
    }),
  );
}

/** @returns the value of a CODE item, or that it has none */
export function codedValue(item: ContentItem, options: MappingOptions): ComponentValue {
  const concept = item.code === undefined ? undefined : codeableConceptOf(item.code, options);
  return concept === undefined ? { dataAbsentReason: absentReason('unknown') } : { valueCodeableConcept: concept };
}

/** @returns how the plane of a container or an event is called; devices word it differently */
export function planeName(plane: CodeItem): string | undefined {
  return nameOf(plane, PLANES);
}

const PLANES: readonly (readonly [key: string, name: string])[] = [
  Concept.PlaneA,
  Concept.PlaneB,
  Concept.SinglePlane,
].map((concept) => [keyOf(concept), concept.name]);

/** Breasts by their own codes and by those of sides (CID 6022, CID 244). */
const BREASTS: readonly (readonly [key: string, name: string])[] = [
  ['http://snomed.info/sct|80248007', 'Left breast'],
  ['http://snomed.info/sct|7771000', 'Left breast'],
  ['http://snomed.info/sct|73056007', 'Right breast'],
  ['http://snomed.info/sct|24028007', 'Right breast'],
  ['http://snomed.info/sct|63762007', 'Both breasts'],
  ['http://snomed.info/sct|51440002', 'Both breasts'],
];

/** What tells a repeated value from the others: the breast, the phantom that a sub-total is for. */
function qualifierOf(value: ContentItem, concept: DoseConcept): string | undefined {
  if (concept === Concept.AccumulatedGlandularDose) return optionalName(value.codeNamed(Concept.Laterality), BREASTS);
  if (concept === Concept.CtDoseLengthProductSubTotal) return optionalName(value.codeNamed(Concept.PhantomType), []);
  return undefined;
}

function optionalName(item: CodeItem | undefined, names: typeof BREASTS): string | undefined {
  return item === undefined ? undefined : nameOf(item, names);
}

function nameOf(item: CodeItem, names: typeof BREASTS): string | undefined {
  const key = conceptKey(item);
  return names.find(([known]) => known === key)?.[1] ?? item.meaning ?? item.code;
}

function row(concept: DoseConcept, form: ComponentRow['form'], under?: Parent): ComponentRow {
  return { concept, form, ...(under === undefined ? {} : { under }) };
}
