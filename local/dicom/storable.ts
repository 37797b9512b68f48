import { type DicomJson, firstText, Tag } from './dicomJson';

const DICOMDIR = '1.2.840.10008.1.3.10';
const REQUIRED = ['SOPClassUID', 'StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID'] as const;

/** PS3.5 9.1 allows digits and dots; the service also takes letters and hyphens. */
const UID_PATTERN = /^[A-Za-z0-9.-]{1,64}$/;

/** @returns whether the service accepts it as a UID */
export function isUid(text: string | undefined): text is string {
  return text !== undefined && UID_PATTERN.test(text);
}

/** @returns why a DICOM service could not store this; undefined when it could */
export function reasonNotStorable(dataset: DicomJson): string | undefined {
  if (firstText(dataset, Tag.SOPClassUID) === DICOMDIR) return 'it is a DICOMDIR, an index of other files';
  const wrong = REQUIRED.filter((keyword) => !isUid(firstText(dataset, Tag[keyword])));
  return wrong.length === 0 ? undefined : `${wrong.join(', ')} ${wrong.length === 1 ? 'is' : 'are'} missing or invalid`;
}
