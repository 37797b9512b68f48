import type { Coding, ImagingStudySeriesPerformer, Reference } from 'fhir/r4';
import { Attribute, type AttributeDefinition } from '../dicom/attributes';
import { invalid } from '../dicom/dataIssue';
import type { DicomDataset } from '../dicom/dataset';
import { dateTimeOf } from '../dicom/dates';
import { issuerValue } from '../dicom/issuer';
import { unsignedIntValue } from '../dicom/numbers';
import { bodyPartCode } from '../dicom/tables/bodyParts';
import { textValue } from '../dicom/text';
import { codingOf } from './coding';
import { issuedIdentifier } from './identifiers';
import type { SeriesFacts } from './instanceFacts';
import { issuerSystem } from './issuerSystem';
import type { IssueCollector } from './issueCollector';
import type { MappingOptions } from './options';
import { readPersons } from './persons';
import { PARTICIPATION_TYPE_SYSTEM, SNOMED_SYSTEM } from './systems';

/** What one instance says about its series (PS3.3 C.7.3.1). */
export function readSeriesFacts(
  dataset: DicomDataset,
  options: MappingOptions,
  collector: IssueCollector,
): SeriesFacts {
  return {
    modality: modalityOf(dataset, collector),
    number: collector.take(unsignedIntValue(dataset, Attribute.SeriesNumber)),
    description:
      collector.take(textValue(dataset, Attribute.SeriesDescription)) ??
      collector.codes(dataset, Attribute.SeriesDescriptionCodeSequence)[0]?.meaning,
    bodySite: bodySiteOf(dataset, options, collector),
    laterality: lateralityOf(dataset, Attribute.Laterality, collector),
    imageLaterality: lateralityOf(dataset, Attribute.ImageLaterality, collector),
    started: collector.take(dateTimeOf(dataset, Attribute.SeriesDate, Attribute.SeriesTime, options)),
    specimens: specimensOf(dataset, options, collector),
    performers: [
      ...performers(
        dataset,
        Attribute.PerformingPhysicianName,
        Attribute.PerformingPhysicianIdentificationSequence,
        'PRF',
        options,
        collector,
      ),
      ...performers(
        dataset,
        Attribute.OperatorsName,
        Attribute.OperatorIdentificationSequence,
        'SPRF',
        options,
        collector,
      ),
    ],
  };
}

function modalityOf(dataset: DicomDataset, collector: IssueCollector): string | undefined {
  const modality = collector.take(textValue(dataset, Attribute.Modality));
  if (modality === undefined || /^[A-Z0-9_]{1,16}$/.test(modality)) return modality;
  collector.add(invalid(Attribute.Modality, 'expected a code string of capital letters, digits and underscores'));
  return undefined;
}

/** Unknown terms are kept as text: a code that is none would be a lie. */
function bodySiteOf(dataset: DicomDataset, options: MappingOptions, collector: IssueCollector): Coding | undefined {
  const term = collector.take(textValue(dataset, Attribute.BodyPartExamined));
  if (term !== undefined) {
    const code = bodyPartCode(term);
    if (code !== undefined) return { system: SNOMED_SYSTEM, code };
    return options.codedBodySitesOnly ? undefined : { display: term };
  }
  const [region] = collector.codes(dataset, Attribute.AnatomicRegionSequence);
  if (region === undefined) return undefined;
  return codingOf(region, options) ?? (options.codedBodySitesOnly ? undefined : { display: region.meaning });
}

/** PS3.16 CID 244. */
const LATERALITIES: Readonly<Record<string, string>> = { L: '7771000', R: '24028007', B: '51440002', U: '66459002' };

function lateralityOf(
  dataset: DicomDataset,
  attribute: AttributeDefinition,
  collector: IssueCollector,
): Coding | undefined {
  const value = collector.take(textValue(dataset, attribute));
  if (value === undefined) return undefined;
  const code = Object.hasOwn(LATERALITIES, value) ? LATERALITIES[value] : undefined;
  if (code !== undefined) return { system: SNOMED_SYSTEM, code };
  collector.add(invalid(attribute, 'expected L, R, B or U'));
  return undefined;
}

function specimensOf(dataset: DicomDataset, options: MappingOptions, collector: IssueCollector): readonly Reference[] {
  return collector.items(dataset, Attribute.SpecimenDescriptionSequence).flatMap((item) => {
    const value = collector.take(textValue(item, Attribute.SpecimenIdentifier));
    if (value === undefined) return [];
    const issuer = collector.take(issuerValue(item, Attribute.IssuerOfTheSpecimenIdentifierSequence));
    return [
      { type: 'Specimen', identifier: issuedIdentifier(value, undefined, issuer, issuerSystem(issuer, options)) },
    ];
  });
}

function performers(
  dataset: DicomDataset,
  names: AttributeDefinition,
  identifications: AttributeDefinition,
  code: 'PRF' | 'SPRF',
  options: MappingOptions,
  collector: IssueCollector,
): readonly ImagingStudySeriesPerformer[] {
  return readPersons(dataset, names, identifications, options, collector).map((actor) => ({
    function: { coding: [{ system: PARTICIPATION_TYPE_SYSTEM, code }] },
    actor,
  }));
}
