import { Attribute } from '../dicom/attributes';
import {
  type DataIssue,
  distinctIssues,
  invalid,
  isInvalid,
  NO_ISSUES,
  type Reading,
  sameIssues,
} from '../dicom/dataIssue';
import type { DicomDataset } from '../dicom/dataset';
import { dateTimeValue, dateValue, withTimeOf } from '../dicom/dates';
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
import { sharedReading } from './sharedReading';

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

/** Reads one instance of a study after the other. */
export type InstanceReader = (dataset: DicomDataset) => InstanceReading;

/**
 * Reads the instances of one study. Under partial validation an invalid optional attribute is left out; under full validation it makes the
 * instance invalid. Required under both: SOP Instance UID, Series Instance UID, and PatientID unless missing ones are let through.
 * An instance of a phantom is skipped where the options say so, whatever else it holds.
 * What instances say in the same words about their study and series is read once and shared by them: one object for all.
 * @param studyUid the study that the instances were listed under; one that names another study is invalid under both
 */
export function instanceReader(options: MappingOptions, studyUid?: string): InstanceReader {
  const readOfStudy = sharedReading((dataset) =>
    collected((collector) => ofStudy(dataset, options, studyUid, collector)),
  );
  const readOfSeries = sharedReading((dataset) => collected((collector) => ofSeries(dataset, options, collector)));
  const acquisitionDate = sharedReading((dataset) => dateValue(dataset, Attribute.AcquisitionDate));
  const allIssues = issueJoiner();
  return (dataset) => {
    if (options.phantoms === 'skip' && isQualityControl(dataset))
      return { kind: 'skipped', instanceUid: uidValue(dataset, Attribute.SOPInstanceUID).value, issues: [] };
    const study = readOfStudy(dataset);
    const series = readOfSeries(dataset);
    const own = collected((collector) => ofInstance(dataset, acquisitionDate, options, collector));
    const issues = allIssues([dataset.issues, series.issues, own.issues, study.issues]);
    return judge(dataset, { study, series, own, issues }, options);
  };
}

/** Reads one instance by itself. */
export function readInstance(dataset: DicomDataset, options: MappingOptions, studyUid?: string): InstanceReading {
  return instanceReader(options, studyUid)(dataset);
}

function collected<T>(read: (collector: IssueCollector) => T): Reading<T> {
  const collector = new IssueCollector();
  const value = read(collector);
  return { value, issues: collector.issues };
}

/** What the parts of one instance say. */
interface PartReadings {
  readonly study: Reading<ReturnType<typeof ofStudy>>;
  readonly series: Reading<ReturnType<typeof ofSeries>>;
  readonly own: Reading<ReturnType<typeof ofInstance>>;
  /** Of all of them. */
  readonly issues: readonly DataIssue[];
}

function judge(
  dataset: DicomDataset,
  { study, series, own, issues: found }: PartReadings,
  options: MappingOptions,
): InstanceReading {
  const { seriesUid } = series.value;
  const { instanceUid } = own.value;
  const missing = missingAttribute(seriesUid, instanceUid, study.value.hasPatient);
  const issues = missing === undefined ? found : distinctIssues([...found, ...missingIssue(missing, found)]);
  if (seriesUid === undefined || instanceUid === undefined || missing !== undefined) {
    return { kind: 'invalid', seriesUid, instanceUid, issues, missing: missing?.keyword };
  }
  if (study.value.ofOtherStudy || (options.validation === 'full' && issues.some(isInvalid))) {
    return { kind: 'invalid', seriesUid, instanceUid, issues };
  }
  const { sopClass } = series.value;
  const facts: InstanceFacts = {
    study: study.value.facts,
    series: series.value.facts,
    sopClass,
    number: own.value.number,
    acquired: own.value.acquired,
    title: series.value.title,
    frames: own.value.frames,
    structuredReport: isStructuredReport(dataset, sopClass) ? dataset : undefined,
  };
  return { kind: 'valid', seriesUid, instanceUid, facts, issues };
}

/** Joins the issues of the parts of one instance after the other; where they are those of the one before, it is the same list again. */
function issueJoiner(): (parts: readonly (readonly DataIssue[])[]) => readonly DataIssue[] {
  let before: { readonly parts: readonly (readonly DataIssue[])[]; readonly joined: readonly DataIssue[] } | undefined;
  return (parts) => {
    if (parts.every(({ length }) => length === 0)) return NO_ISSUES;
    if (before === undefined || !parts.every((issues, index) => sameIssues(issues, before?.parts[index] ?? NO_ISSUES)))
      before = { parts, joined: distinctIssues(parts.flat()) };
    return before.joined;
  };
}

function ofStudy(
  dataset: DicomDataset,
  options: MappingOptions,
  studyUid: string | undefined,
  collector: IssueCollector,
): { readonly ofOtherStudy: boolean; readonly hasPatient: boolean; readonly facts: InstanceFacts['study'] } {
  const ofOtherStudy = studyUid !== undefined && namesOtherStudy(dataset, studyUid, collector);
  const patient = readPatient(dataset, options);
  const known = patient.kind === 'patient' ? patient.patient : undefined;
  const facts = readStudyFacts(dataset, known, options, collector);
  const letThrough = patient.kind === 'missing-id' && options.missingPatientId === 'placeholder';
  collector.add(...(letThrough ? patient.issues.map(asNote) : patient.issues));
  return { ofOtherStudy, hasPatient: known !== undefined || letThrough, facts };
}

function ofSeries(
  dataset: DicomDataset,
  options: MappingOptions,
  collector: IssueCollector,
): {
  readonly seriesUid: string | undefined;
  readonly sopClass: string | undefined;
  readonly title: string | undefined;
  readonly facts: InstanceFacts['series'];
} {
  return {
    seriesUid: collector.take(uidValue(dataset, Attribute.SeriesInstanceUID)),
    facts: readSeriesFacts(dataset, options, collector),
    sopClass: collector.take(uidValue(dataset, Attribute.SOPClassUID)),
    title: titleOf(dataset, options, collector),
  };
}

function ofInstance(
  dataset: DicomDataset,
  acquisitionDate: (dataset: DicomDataset) => Reading<string | undefined>,
  options: MappingOptions,
  collector: IssueCollector,
): { readonly instanceUid: string | undefined } & Pick<InstanceFacts, 'number' | 'acquired' | 'frames'> {
  return {
    instanceUid: collector.take(uidValue(dataset, Attribute.SOPInstanceUID)),
    number: collector.take(unsignedIntValue(dataset, Attribute.InstanceNumber)),
    acquired:
      collector.take(dateTimeValue(dataset, Attribute.AcquisitionDateTime, options)) ??
      collector.take(withTimeOf(dataset, acquisitionDate(dataset), Attribute.AcquisitionTime, options)),
    frames:
      options.numberOfFramesExtension === undefined
        ? undefined
        : collector.take(unsignedIntValue(dataset, Attribute.NumberOfFrames)),
  };
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
  const said = issues.some((issue) => issue.tag === attribute.tag && isInvalid(issue));
  return said ? [] : [invalid(attribute, 'required, but missing')];
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
