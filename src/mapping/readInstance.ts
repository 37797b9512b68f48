import { Attribute } from '../dicom/attributes';
import { type DataIssue, distinctIssues, invalid } from '../dicom/dataIssue';
import type { DicomDataset } from '../dicom/dataset';
import { unsignedIntValue } from '../dicom/numbers';
import { isStructuredReportClass } from '../dicom/sopClass';
import { textValue, textValues } from '../dicom/text';
import { uidValue } from '../dicom/uid';
import type { InstanceFacts } from './instanceFacts';
import { IssueCollector } from './issueCollector';
import type { MappingOptions } from './options';
import { isQualityControl } from './phantoms';
import { readPatient } from './readPatient';
import { readSeriesFacts } from './readSeries';
import { readStudyFacts } from './readStudy';

export type InstanceReading =
  | {
      readonly kind: 'valid';
      readonly seriesUid: string;
      readonly instanceUid: string;
      readonly facts: InstanceFacts;
      readonly issues: readonly DataIssue[];
    }
  | {
      readonly kind: 'invalid';
      readonly seriesUid: string | undefined;
      readonly instanceUid: string | undefined;
      readonly issues: readonly DataIssue[];
      /** The required attribute that is missing, where that is the reason. */
      readonly missing?: string;
    }
  /** Not to be mapped, and nothing is wrong with that. */
  | { readonly kind: 'skipped'; readonly instanceUid: string | undefined; readonly issues: readonly [] };

export type ValidInstance = Extract<InstanceReading, { kind: 'valid' }>;
export type InvalidInstance = Extract<InstanceReading, { kind: 'invalid' }>;
export type SkippedInstance = Extract<InstanceReading, { kind: 'skipped' }>;

/**
 * Reads one instance. Under partial validation an invalid optional attribute is left out; under full validation it makes the instance invalid.
 * Required under both: SOP Instance UID, Series Instance UID, and PatientID unless missing ones are let through.
 * An instance of a phantom is skipped where the options say so, whatever else it holds.
 * @param studyUid the study that the instance was listed under; one that names another study is invalid under both
 */
export function readInstance(dataset: DicomDataset, options: MappingOptions, studyUid?: string): InstanceReading {
  if (options.phantoms === 'skip' && isQualityControl(dataset))
    return { kind: 'skipped', instanceUid: uidValue(dataset, Attribute.SOPInstanceUID).value, issues: [] };
  const collector = new IssueCollector();
  collector.add(...dataset.issues);
  const seriesUid = collector.take(uidValue(dataset, Attribute.SeriesInstanceUID));
  const instanceUid = collector.take(uidValue(dataset, Attribute.SOPInstanceUID));
  const ofOtherStudy = studyUid !== undefined && namesOtherStudy(dataset, studyUid, collector);
  const patient = readPatient(dataset, options);
  const facts = readFacts(dataset, patient.kind === 'patient' ? patient.patient : undefined, options, collector);
  const withoutPatient = patient.kind === 'missing-id' && options.missingPatientId === 'placeholder';
  collector.add(...(withoutPatient ? patient.issues.map(asNote) : patient.issues));

  const missing = missingAttribute(seriesUid, instanceUid, patient.kind === 'patient' || withoutPatient);
  const issues = distinctIssues(
    missing === undefined ? collector.issues : [...collector.issues, ...missingIssue(missing, collector.issues)],
  );
  if (seriesUid === undefined || instanceUid === undefined || missing !== undefined) {
    return { kind: 'invalid', seriesUid, instanceUid, issues, missing: missing?.keyword };
  }
  if (ofOtherStudy || (options.validation === 'full' && issues.some(({ severity }) => severity === 'invalid'))) {
    return { kind: 'invalid', seriesUid, instanceUid, issues };
  }
  return { kind: 'valid', seriesUid, instanceUid, facts, issues };
}

/** Mapped all the same, it would give this study the patient and the dose of another. Without a UID of its own the listing counts. */
function namesOtherStudy(dataset: DicomDataset, studyUid: string, collector: IssueCollector): boolean {
  const named = collector.take(uidValue(dataset, Attribute.StudyInstanceUID));
  if (named === undefined || named === studyUid) return false;
  collector.add(invalid(Attribute.StudyInstanceUID, 'expected the study that the instance was listed under'));
  return true;
}

/** What is let through fails no instance. */
function asNote(issue: DataIssue): DataIssue {
  return { ...issue, severity: 'note' };
}

type Definition = (typeof Attribute)[keyof typeof Attribute];

function missingAttribute(
  seriesUid: string | undefined,
  instanceUid: string | undefined,
  hasPatient: boolean,
): Definition | undefined {
  if (instanceUid === undefined) return Attribute.SOPInstanceUID;
  if (seriesUid === undefined) return Attribute.SeriesInstanceUID;
  return hasPatient ? undefined : Attribute.PatientID;
}

/** Says that a required attribute is missing, unless a reader has already said what is wrong with it. */
function missingIssue(attribute: Definition, issues: readonly DataIssue[]): readonly DataIssue[] {
  const said = issues.some(({ tag, severity }) => tag === attribute.tag && severity === 'invalid');
  return said ? [] : [invalid(attribute, 'required, but missing')];
}

function readFacts(
  dataset: DicomDataset,
  patient: InstanceFacts['study']['patient'],
  options: MappingOptions,
  collector: IssueCollector,
): InstanceFacts {
  const sopClass = collector.take(uidValue(dataset, Attribute.SOPClassUID));
  return {
    study: readStudyFacts(dataset, patient, options, collector),
    series: readSeriesFacts(dataset, options, collector),
    sopClass,
    number: collector.take(unsignedIntValue(dataset, Attribute.InstanceNumber)),
    title: titleOf(dataset, options, collector),
    frames:
      options.numberOfFramesExtension === undefined
        ? undefined
        : collector.take(unsignedIntValue(dataset, Attribute.NumberOfFrames)),
    structuredReport: isStructuredReport(dataset, sopClass) ? dataset : undefined,
  };
}

/** R4 ImagingStudy.series.instance.title: document title in the words of the object. */
function titleOf(dataset: DicomDataset, options: MappingOptions, collector: IssueCollector): string | undefined {
  const meaning = collector.codes(dataset, Attribute.ConceptNameCodeSequence)[0]?.meaning;
  const title =
    meaning ??
    collector.take(textValue(dataset, Attribute.DocumentTitle)) ??
    collector.take(textValue(dataset, Attribute.ContentLabel));
  if (title !== undefined || !options.imageTypeAsTitle) return title;
  const imageType = collector.take(textValues(dataset, Attribute.ImageType));
  return imageType.length === 0 ? undefined : imageType.join('\\');
}

/** A structured report without a SOP class is told by its content. */
function isStructuredReport(dataset: DicomDataset, sopClass: string | undefined): boolean {
  return sopClass === undefined
    ? dataset.elements.has(Attribute.ContentSequence.tag)
    : isStructuredReportClass(sopClass);
}
