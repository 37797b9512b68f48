/** A data element in the DICOM JSON model (PS3.18 F.2). */
export interface DicomJsonElement {
  readonly vr: string;
  readonly Value?: readonly unknown[];
  readonly InlineBinary?: string;
  readonly BulkDataURI?: string;
}

/** A data set in the DICOM JSON model: tags of eight upper-case hexadecimal digits. */
export type DicomJson = Readonly<Record<string, DicomJsonElement>>;

/** The attributes that the service itself must understand. */
export const Tag = {
  SOPClassUID: '00080016',
  SOPInstanceUID: '00080018',
  RetrieveURL: '00081190',
  WarningReason: '00081196',
  FailureReason: '00081197',
  FailedSOPSequence: '00081198',
  ReferencedSOPSequence: '00081199',
  ReferencedSOPClassUID: '00081150',
  ReferencedSOPInstanceUID: '00081155',
  Modality: '00080060',
  ModalitiesInStudy: '00080061',
  StudyInstanceUID: '0020000D',
  SeriesInstanceUID: '0020000E',
  NumberOfStudyRelatedInstances: '00201208',
  NumberOfSeriesRelatedInstances: '00201209',
} as const;

/** Change feed and metadata leave these out (conformance statement of the DICOM service, "Retrieve Metadata"). */
const BULK_DATA_VRS: ReadonlySet<string> = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'UN']);
const FILE_META_GROUP = '0002';

/** @returns the first value of an attribute as text without padding; undefined when absent or blank */
export function firstText(dataset: DicomJson, tag: string): string | undefined {
  const value = dataset[tag]?.Value?.[0];
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const text = String(value).replaceAll('\0', '').trim();
  return text === '' ? undefined : text;
}

/** @returns the data set without bulk data at any depth and without file meta information */
export function withoutBulkData(dataset: DicomJson): DicomJson {
  const kept: Record<string, DicomJsonElement> = {};
  for (const [tag, element] of Object.entries(dataset)) {
    if (tag.startsWith(FILE_META_GROUP) || BULK_DATA_VRS.has(element.vr)) continue;
    if (element.InlineBinary !== undefined || element.BulkDataURI !== undefined) continue;
    kept[tag] = element.vr === 'SQ' ? withoutBulkDataInItems(element) : element;
  }
  return kept;
}

function withoutBulkDataInItems(sequence: DicomJsonElement): DicomJsonElement {
  if (sequence.Value === undefined) return sequence;
  return { ...sequence, Value: sequence.Value.map((item) => (isDicomJson(item) ? withoutBulkData(item) : item)) };
}

/** @returns whether a value has the shape of a DICOM JSON data set: an object of elements, each an object */
export function isDicomJson(value: unknown): value is DicomJson {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((element: unknown) => typeof element === 'object' && element !== null);
}
