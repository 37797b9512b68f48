import { type DicomJson, isDicomJson } from './dicomJson';
import { parseContentType, splitMultipart } from './multipart';
import { readPart10 } from './part10';
import { RequestRefused } from './reply';

/** A data set of a store request, or undefined when its bytes cannot be read. */
export type Submission = DicomJson | undefined;

const PART_10 = 'application/dicom';
const DICOM_JSON = 'application/dicom+json';

/** Reads the body of a store request (STOW-RS, PS3.18 10.5.1). @throws {RequestRefused} 400 or 415 when it cannot be taken apart */
export function submissionsOf(contentType: string, body: Buffer): readonly Submission[] {
  const { mediaType, parameters } = parseContentType(contentType);
  if (mediaType !== 'multipart/related') return body.length === 0 ? [] : submissionsOfPart(mediaType, body);
  const boundary = parameters.get('boundary');
  if (boundary === undefined || boundary === '') throw new RequestRefused(400, 'The multipart body names no boundary.');
  if (body.length === 0) return [];
  const parts = splitMultipart(body, boundary, parameters.get('type')?.toLowerCase() ?? PART_10);
  return parts.flatMap((part) => submissionsOfPart(part.mediaType, part.content));
}

function submissionsOfPart(mediaType: string, content: Buffer): readonly Submission[] {
  switch (mediaType) {
    case PART_10:
      return [readable(content)];
    case DICOM_JSON:
      return datasetsOf(content);
    default:
      throw new RequestRefused(415, `The media type must be ${PART_10} or ${DICOM_JSON}.`);
  }
}

function readable(bytes: Buffer): Submission {
  try {
    return readPart10(bytes);
  } catch {
    return undefined;
  }
}

function datasetsOf(content: Buffer): readonly Submission[] {
  try {
    const json: unknown = JSON.parse(content.toString('utf8'));
    return (Array.isArray(json) ? json : [json]).map((dataset: unknown) =>
      isDicomJson(dataset) ? dataset : undefined,
    );
  } catch {
    throw new RequestRefused(400, 'The body is no JSON.');
  }
}
