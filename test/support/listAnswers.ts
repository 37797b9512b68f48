export interface ListAnswerOfAzure {
  readonly names: readonly string[];
  readonly prefixes?: readonly string[];
  readonly nextMarker?: string;
}

export const LISTED_AT = new Date('2026-01-02T03:04:05Z');

/** An answer of List Blobs in the shape of Azure's service (List Blobs, REST API reference), with its byte order mark and its encoded names. */
export function listAnswerOfAzure({ names, prefixes = [], nextMarker = '' }: ListAnswerOfAzure): string {
  const blobs = names.map(
    (name, index) =>
      `<Blob>${nameElement(name)}<Properties><Creation-Time>Fri, 02 Jan 2026 03:04:05 GMT</Creation-Time><Last-Modified>${LISTED_AT.toUTCString()}</Last-Modified>` +
      `<Etag>${etagOfAzure(index)}</Etag><Content-Length>129</Content-Length><Content-Type>application/octet-stream</Content-Type><Content-Encoding />` +
      `<Content-Language /><Content-CRC64 /><Content-MD5>q1zOnFkL2r0Kzv3vBbW4AA==</Content-MD5><Cache-Control /><Content-Disposition /><BlobType>BlockBlob</BlobType>` +
      `<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>` +
      `<ServerEncrypted>true</ServerEncrypted></Properties><Metadata /><OrMetadata /></Blob>`,
  );
  const groups = prefixes.map((prefix) => `<BlobPrefix>${nameElement(prefix)}</BlobPrefix>`);
  return (
    `\uFEFF<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://account.blob.core.windows.net/" ContainerName="payloads">` +
    `<MaxResults>5000</MaxResults><Blobs>${blobs.join('')}${groups.join('')}</Blobs>${nextMarker === '' ? '<NextMarker />' : `<NextMarker>${escape(nextMarker)}</NextMarker>`}</EnumerationResults>`
  );
}

/** The list has an ETag without its quotes. */
export function etagOfAzure(index: number): string {
  return `0x8DE${index.toString(16).toUpperCase().padStart(12, '0')}`;
}

function nameElement(name: string): string {
  return /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/.test(name)
    ? `<Name Encoded="true">${encodeURIComponent(name)}</Name>`
    : `<Name>${escape(name)}</Name>`;
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\r', '&#xD;')
    .replaceAll('\n', '&#xA;');
}
