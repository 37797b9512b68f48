import type { CodeableConcept, Identifier, Reference } from 'fhir/r4';
import { Attribute, type AttributeDefinition } from '../dicom/attributes';
import { invalid } from '../dicom/dataIssue';
import type { DicomDataset } from '../dicom/dataset';
import { dateTimeOf } from '../dicom/dates';
import { type IssuerOfIdentifier, issuerValue } from '../dicom/issuer';
import { decimalValue } from '../dicom/numbers';
import { textValue, textValues } from '../dicom/text';
import { codeableConceptOf } from './coding';
import { accessionIdentifier, type IdentifierTypeCode, typedIdentifier } from './identifiers';
import type { StudyFacts } from './instanceFacts';
import type { IssueCollector } from './issueCollector';
import type { MappingOptions } from './options';
import type { PatientProjection } from './patient';
import { readPersons } from './persons';

/** What one instance says about its study (PS3.3 C.7.2.1 and the modules that name the order). */
export function readStudyFacts(
  dataset: DicomDataset,
  patient: PatientProjection | undefined,
  options: MappingOptions,
  collector: IssueCollector,
): StudyFacts {
  const requests = [
    ...collector.items(dataset, Attribute.RequestAttributesSequence),
    ...collector.items(dataset, Attribute.ReferencedRequestSequence),
  ];
  const accessions = accessionsOf(dataset, requests, options, collector);
  return {
    patient,
    started: collector.take(dateTimeOf(dataset, Attribute.StudyDate, Attribute.StudyTime, options)),
    description: collector.take(textValue(dataset, Attribute.StudyDescription)),
    studyId: options.studyIdIdentifier ? collector.take(textValue(dataset, Attribute.StudyID)) : undefined,
    accessions,
    orders: [
      ...accessions.map(orderOf),
      ...requests.flatMap((item) =>
        [
          orderNumber(
            item,
            Attribute.PlacerOrderNumberImagingServiceRequest,
            Attribute.OrderPlacerIdentifierSequence,
            'PLAC',
            options,
            collector,
          ),
          orderNumber(
            item,
            Attribute.FillerOrderNumberImagingServiceRequest,
            Attribute.OrderFillerIdentifierSequence,
            'FILL',
            options,
            collector,
          ),
        ].flat(),
      ),
    ],
    encounter: options.encounter ? encounterOf(dataset, options, collector) : undefined,
    referrer: readPersons(
      dataset,
      Attribute.ReferringPhysicianName,
      Attribute.ReferringPhysicianIdentificationSequence,
      options,
      collector,
    )[0],
    interpreters: readPersons(
      dataset,
      Attribute.NameOfPhysiciansReadingStudy,
      Attribute.PhysiciansReadingStudyIdentificationSequence,
      options,
      collector,
    ),
    procedureCodes: procedureCodes(dataset, requests, options, collector),
    location: locationOf(dataset, collector),
    reasons: reasonsOf(dataset, requests, options, collector),
    modalitiesInStudy: collector.take(textValues(dataset, Attribute.ModalitiesInStudy)),
    patientSize: options.heightAndWeight ? measureOf(dataset, Attribute.PatientSize, MAX_SIZE_M, collector) : undefined,
    patientWeight: options.heightAndWeight
      ? measureOf(dataset, Attribute.PatientWeight, MAX_WEIGHT_KG, collector)
      : undefined,
  };
}

/** Nobody was taller: a size above is one in centimetres. */
const MAX_SIZE_M = 3;
const MAX_WEIGHT_KG = 1000;

/** Modalities write 0 where nobody measured; a value that no human has is in another unit. */
function measureOf(
  dataset: DicomDataset,
  attribute: AttributeDefinition,
  maximum: number,
  collector: IssueCollector,
): number | undefined {
  const value = collector.take(decimalValue(dataset, attribute));
  if (value === undefined || value === 0) return undefined;
  if (value > 0 && value <= maximum) return value;
  collector.add(invalid(attribute, `expected a number above 0 and up to ${maximum}`));
  return undefined;
}

/** An order that repeats the object's accession number without its issuer means the same one. */
function accessionsOf(
  dataset: DicomDataset,
  requests: readonly DicomDataset[],
  options: MappingOptions,
  collector: IssueCollector,
): readonly Identifier[] {
  const read = (item: DicomDataset): { value: string | undefined; issuer: IssuerOfIdentifier | undefined } => ({
    value: collector.take(textValue(item, Attribute.AccessionNumber)),
    issuer: collector.take(issuerValue(item, Attribute.IssuerOfAccessionNumberSequence)),
  });
  const own = read(dataset);
  return [own, ...requests.map(read)].flatMap(({ value, issuer }) => {
    if (value === undefined) return [];
    return [accessionIdentifier(value, issuer ?? (value === own.value ? own.issuer : undefined), options)];
  });
}

function orderNumber(
  item: DicomDataset,
  attribute: AttributeDefinition,
  issuer: AttributeDefinition,
  code: IdentifierTypeCode,
  options: MappingOptions,
  collector: IssueCollector,
): readonly Reference[] {
  const value = collector.take(textValue(item, attribute));
  return value === undefined
    ? []
    : [orderOf(typedIdentifier(value, code, collector.take(issuerValue(item, issuer)), options))];
}

/** A logical reference: the order itself lives in the order system. */
function orderOf(identifier: Identifier): Reference {
  return { type: 'ServiceRequest', identifier };
}

function encounterOf(dataset: DicomDataset, options: MappingOptions, collector: IssueCollector): Reference | undefined {
  const value = collector.take(textValue(dataset, Attribute.AdmissionID));
  if (value === undefined) return undefined;
  const issuer = collector.take(issuerValue(dataset, Attribute.IssuerOfAdmissionIDSequence));
  return { type: 'Encounter', identifier: typedIdentifier(value, 'VN', issuer, options) };
}

/** What was done, else what was requested: stated of the whole object, or of each order. */
function procedureCodes(
  dataset: DicomDataset,
  requests: readonly DicomDataset[],
  options: MappingOptions,
  collector: IssueCollector,
): readonly CodeableConcept[] {
  const performed = concepts(dataset, Attribute.ProcedureCodeSequence, options, collector);
  if (performed.length > 0) return performed;
  return [dataset, ...requests].flatMap((item) =>
    concepts(item, Attribute.RequestedProcedureCodeSequence, options, collector, dataset),
  );
}

function locationOf(dataset: DicomDataset, collector: IssueCollector): Reference | undefined {
  const place =
    collector.take(textValue(dataset, Attribute.PerformedLocation)) ??
    collector.take(textValue(dataset, Attribute.InstitutionalDepartmentName));
  if (place === undefined) return undefined;
  const institution = collector.take(textValue(dataset, Attribute.InstitutionName));
  return { type: 'Location', display: institution === undefined ? place : `${place}, ${institution}` };
}

function reasonsOf(
  dataset: DicomDataset,
  requests: readonly DicomDataset[],
  options: MappingOptions,
  collector: IssueCollector,
): readonly CodeableConcept[] {
  const texts = [
    ...[dataset, ...requests].flatMap((item) =>
      collector.take(textValues(item, Attribute.ReasonForTheRequestedProcedure)),
    ),
    ...collector.take(textValues(dataset, Attribute.ReasonForVisit)),
    ...collector.take(textValues(dataset, Attribute.AdmittingDiagnosesDescription)),
  ];
  return [
    ...[dataset, ...requests].flatMap((item) =>
      concepts(item, Attribute.ReasonForRequestedProcedureCodeSequence, options, collector, dataset),
    ),
    ...concepts(dataset, Attribute.ReasonForPerformedProcedureCodeSequence, options, collector),
    ...texts.map((text) => ({ text })),
  ];
}

function concepts(
  dataset: DicomDataset,
  attribute: AttributeDefinition,
  options: MappingOptions,
  collector: IssueCollector,
  root: DicomDataset = dataset,
): readonly CodeableConcept[] {
  return collector.codes(dataset, attribute, root).flatMap((item) => codeableConceptOf(item, options) ?? []);
}
