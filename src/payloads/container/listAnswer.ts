import { MalformedXml, readChildren, readElementText, skipElement, xmlReader, type XmlReader } from './xml';
import type { ListedBlob } from '../verdict';

/** One page of a list, with or without a delimiter. */
export interface ListAnswer {
  readonly blobs: readonly ListedBlob[];
  /** what the delimiter groups, each with its slash */
  readonly prefixes: readonly string[];
  /** undefined: the last page */
  readonly nextMarker: string | undefined;
}

/** An answer of List Blobs that cannot be what the service meant. It is never taken as a shorter list. */
export class MalformedListAnswer extends Error {
  override readonly name = 'MalformedListAnswer';
  readonly code = 'MalformedListAnswer';
  /** @property isCutOff the end of the answer is missing */
  constructor(
    problem: string,
    readonly isCutOff: boolean,
  ) {
    super(`The list of blobs is unreadable: ${problem}`);
  }
}

/** Metadata of a restored payload that shall not be taken for an orphan again: `keep` = `true`. */
export const KEEP = 'keep';

/**
 * Reads the XML of List Blobs (https://learn.microsoft.com/rest/api/storageservices/list-blobs), asked with `include=metadata`.
 * It takes only what Reconcile needs, which is some thirty times cheaper than the SDK's objects; everything else must be well-formed too.
 * @returns each blob's ETag in quotes, as If-Match wants it, although the list has it without
 * @throws MalformedListAnswer
 */
export function readListAnswer(body: string): ListAnswer {
  try {
    return readDocument(xmlReader(body));
  } catch (error) {
    if (error instanceof MalformedXml) throw new MalformedListAnswer(error.message, error.isCutOff);
    throw error;
  }
}

function readDocument(reader: XmlReader): ListAnswer {
  const blobs: ListedBlob[] = [];
  const prefixes: string[] = [];
  const found: { blobs?: true; nextMarker?: string } = {};
  while (reader.next() !== 'open');
  if (reader.name() !== 'EnumerationResults') throw new MalformedXml('its root element is not EnumerationResults');
  readChildren(reader, (part) => {
    if (part === 'Blobs') {
      found.blobs = true;
      readBlobs(reader, blobs, prefixes);
    } else if (part === 'NextMarker') found.nextMarker = readElementText(reader);
    else skipElement(reader);
  });
  while (reader.next() !== 'end');
  if (found.blobs === undefined) throw new MalformedXml('it has no <Blobs>');
  // The service always sends the element, empty on the last page. Without it nothing says that the page is the last.
  if (found.nextMarker === undefined) throw new MalformedXml('it has no <NextMarker>');
  return { blobs, prefixes, nextMarker: found.nextMarker === '' ? undefined : found.nextMarker };
}

function readBlobs(reader: XmlReader, blobs: ListedBlob[], prefixes: string[]): void {
  const dates = dateReader();
  readChildren(reader, (kind) => {
    if (kind === 'Blob') blobs.push(readBlob(reader, dates));
    else if (kind === 'BlobPrefix') prefixes.push(readPrefix(reader));
    else skipElement(reader);
  });
}

function readBlob(reader: XmlReader, dates: (text: string) => Date): ListedBlob {
  const found: FoundBlob = {};
  readChildren(reader, (part) => {
    if (part === 'Name') found.name = readName(reader);
    else if (part === 'Properties') readProperties(reader, found, dates);
    else if (part === 'Metadata') readMetadata(reader, found);
    else if (part === 'Snapshot' || part === 'Deleted') refuseUnlessEmpty(part, readElementText(reader));
    else skipElement(reader);
  });
  const { name = '', etag = '', lastModified, isDirectory, isKept } = found;
  if (name === '') throw new MalformedXml('a blob has no name');
  if (lastModified === undefined) throw new MalformedXml('a blob has no Last-Modified');
  if (etag === '') throw new MalformedXml('a blob has no Etag');
  return {
    ...{ name, etag: quoted(etag), lastModified },
    ...(isDirectory === true ? { isDirectory } : {}),
    ...(isKept === true ? { isKept } : {}),
  };
}

interface FoundBlob {
  name?: string | undefined;
  etag?: string;
  lastModified?: Date;
  isDirectory?: boolean | undefined;
  isKept?: boolean;
}

function readProperties(reader: XmlReader, found: FoundBlob, dates: (text: string) => Date): void {
  readChildren(reader, (property) => {
    if (property === 'Last-Modified') found.lastModified = dates(readElementText(reader));
    else if (property === 'Etag') found.etag = readElementText(reader);
    else if (property === 'ResourceType')
      found.isDirectory ??= readElementText(reader) === 'directory' ? true : undefined;
    else skipElement(reader);
  });
}

/** Accounts with hierarchical namespace mark a directory with `hdi_isfolder`, older services only with that. */
function readMetadata(reader: XmlReader, found: FoundBlob): void {
  readChildren(reader, (item) => {
    const isTrue = readElementText(reader).toLowerCase() === 'true';
    if (item.toLowerCase() === 'hdi_isfolder') found.isDirectory ??= isTrue ? true : undefined;
    else if (item.toLowerCase() === KEEP) found.isKept = isTrue;
  });
}

function readPrefix(reader: XmlReader): string {
  let name = '';
  readChildren(reader, (part) => {
    if (part === 'Name') name = readName(reader);
    else skipElement(reader);
  });
  if (name === '') throw new MalformedXml('a prefix has no name');
  return name;
}

/** Names with characters that XML cannot hold come percent-encoded, and say so (service version 2021-02-12 and later). */
function readName(reader: XmlReader): string {
  const isEncoded = reader.attribute('Encoded') === 'true';
  const text = readElementText(reader);
  if (!isEncoded) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new MalformedXml('the percent-encoding of a name is broken');
  }
}

/** Snapshots and deleted blobs were not asked for; taken for a live blob, one would be judged in its place. */
function refuseUnlessEmpty(part: string, value: string): void {
  if (value !== '' && value !== 'false')
    throw new MalformedXml(`a blob is listed with ${part}, which was not asked for`);
}

export function quoted(etag: string): string {
  return etag.endsWith('"') ? etag : `"${etag}"`;
}

const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** Neighbours in a list were often written in the same second. */
function dateReader(): (text: string) => Date {
  let lastText = '';
  let last = new Date(NaN);
  return (text) => {
    if (text !== lastText) {
      const date = new Date(text);
      if (!HTTP_DATE.test(text) || Number.isNaN(date.getTime()))
        throw new MalformedXml('a Last-Modified is no date of HTTP');
      last = date;
      lastText = text;
    }
    return last;
  };
}
