import type { ContentItem } from './contentTree';
import { Concept, type DoseConcept, keyOf } from './doseConcepts';

/** What a report is about: exposure to X-Rays (TID 10001, 10011), or a radiopharmaceutical (TID 10021). */
export type ReportKind = 'x-ray' | 'radiopharmaceutical';

const KINDS: readonly (readonly [title: DoseConcept, kind: ReportKind])[] = [
  [Concept.XRayDoseReport, 'x-ray'],
  [Concept.RadiopharmaceuticalDoseReport, 'radiopharmaceutical'],
];

/**
 * Tells dose reports by their title and never by their SOP class: older devices write them as Enhanced SR.
 * @returns undefined for every other structured report
 */
export function reportKind(root: ContentItem): ReportKind | undefined {
  return KINDS.find(([title]) => keyOf(title) === root.concept)?.[1];
}
