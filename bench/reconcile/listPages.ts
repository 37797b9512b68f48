/** Pages of List Blobs, rendered once: each answer is a part of one large buffer, so that the endpoint itself costs next to nothing. */
export interface ListPages {
  readonly names: readonly string[];
  etagOf(place: number): string;
  /** @returns the place of the first name that is not before this one */
  placeOf(name: string): number;
  /** The XML of these blobs. */
  render(from: number, to: number): Buffer;
}

/** As the service answers (List Blobs, REST API reference), with the properties that it sends for a block blob. */
export function renderList(unsorted: readonly string[], lastModified: Date): ListPages {
  const names = [...unsorted].sort();
  const etagOf = (place: number): string => `0x8DE${place.toString(16).toUpperCase().padStart(12, '0')}`;
  const date = lastModified.toUTCString();
  const blobs = names.map((name, place) =>
    Buffer.from(
      `<Blob><Name>${name}</Name><Properties><Creation-Time>${date}</Creation-Time><Last-Modified>${date}</Last-Modified>` +
        `<Etag>${etagOf(place)}</Etag><Content-Length>129</Content-Length><Content-Type>application/octet-stream</Content-Type><Content-Encoding />` +
        `<Content-Language /><Content-CRC64 /><Content-MD5>q1zOnFkL2r0Kzv3vBbW4AA==</Content-MD5><Cache-Control /><Content-Disposition /><BlobType>BlockBlob</BlobType>` +
        `<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>` +
        `<ServerEncrypted>true</ServerEncrypted></Properties><OrMetadata /></Blob>`,
      'latin1',
    ),
  );
  const starts = new Float64Array(blobs.length + 1);
  blobs.forEach((blob, place) => (starts[place + 1] = (starts[place] ?? 0) + blob.length));
  const text = Buffer.concat(blobs);
  return {
    names,
    etagOf,
    placeOf(name) {
      let [low, high] = [0, names.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((names[middle] ?? '') < name) low = middle + 1;
        else high = middle;
      }
      return low;
    },
    render: (from, to) => text.subarray(starts[from], starts[to]),
  };
}

const HEAD =
  '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://127.0.0.1/" ContainerName="payloads">';

/** @param nextMarker undefined: the last page */
export function listAnswer(parts: readonly Buffer[], nextMarker: string | undefined): Buffer {
  const end = nextMarker === undefined ? '<NextMarker />' : `<NextMarker>${nextMarker}</NextMarker>`;
  return Buffer.concat([
    Buffer.from(`\uFEFF${HEAD}<Blobs>`),
    ...parts,
    Buffer.from(`</Blobs>${end}</EnumerationResults>`),
  ]);
}
