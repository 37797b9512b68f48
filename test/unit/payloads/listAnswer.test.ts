import fc from 'fast-check';
import { MalformedListAnswer, readListAnswer } from '../../../src/payloads/container/listAnswer';
import { etagOfAzure, LISTED_AT, listAnswerOfAzure } from '../../support/listAnswers';

/** Everything that a name may hold: any character of Unicode, and often those that XML, URLs and paths treat in their own way. */
const NAME = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...Array.from(`/*+ .&<>'"%;#?=\\~!]\t\r\n\u0001\u001f\u007f\uFFFE\uFEFFé`)),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  minLength: 1,
  maxLength: 40,
});

const blobOf = (inside: string): string =>
  `<EnumerationResults><Blobs><Blob>${inside}</Blob></Blobs><NextMarker/></EnumerationResults>`;
const PROPERTIES =
  '<Properties><Last-Modified>Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified><Etag>0x1</Etag></Properties>';
const onlyBlob = (inside: string) => readListAnswer(blobOf(inside)).blobs[0];

describe('an answer of List Blobs', () => {
  it('gives every name as it was stored, with its ETag in quotes and its date in UTC', () => {
    fc.assert(
      fc.property(fc.array(NAME, { maxLength: 5 }), (names) => {
        expect(readListAnswer(listAnswerOfAzure({ names }))).toEqual({
          blobs: names.map((name, index) => ({ name, etag: `"${etagOfAzure(index)}"`, lastModified: LISTED_AT })),
          prefixes: [],
          nextMarker: undefined,
        });
      }),
    );
  });

  it('gives prefixes and the marker for the next page, which may come without any blob', () => {
    const answer = listAnswerOfAzure({ names: [], prefixes: ['1&0/', '104/'], nextMarker: '2!88!<opaque>' });
    expect(readListAnswer(answer)).toEqual({ blobs: [], prefixes: ['1&0/', '104/'], nextMarker: '2!88!<opaque>' });
  });

  it('tells directories by resource type or metadata, and payloads that shall stay', () => {
    const directory = PROPERTIES.replace('<Etag>', '<ResourceType>directory</ResourceType><Etag>');
    expect(onlyBlob(`<Name>104</Name>${directory}`)).toMatchObject({ isDirectory: true });
    expect(
      onlyBlob(`<Name>104</Name>${PROPERTIES}<Metadata><hdi_isfolder>true</hdi_isfolder></Metadata>`),
    ).toMatchObject({ isDirectory: true });
    expect(onlyBlob(`<Name>104/a/1/k</Name>${PROPERTIES}<Metadata><Keep>true</Keep></Metadata>`)).toEqual({
      ...{ name: '104/a/1/k', etag: '"0x1"', lastModified: LISTED_AT },
      isKept: true,
    });
  });

  it('reads entities, CDATA, comments and elements it has never seen', () => {
    const name = '<Name><!-- > -->a&#x26;&#65;<![CDATA[<&]]>&apos;</Name>';
    expect(
      onlyBlob(`<New a='">"'><Name>not this</Name><Deep /></New>${name}${PROPERTIES}<Tags><TagSet /></Tags>`),
    ).toMatchObject({ name: "a&A<&'" });
  });

  it('is never read as fewer blobs when any part of its end is missing', () => {
    const answer = listAnswerOfAzure({ names: ['104/a/1/k', '104/b/1/k'], nextMarker: 'm' });
    for (let length = 0; length < answer.length; length += 1) {
      const read = () => readListAnswer(answer.slice(0, length));
      expect(read).toThrow(expect.objectContaining({ code: 'MalformedListAnswer', isCutOff: true }) as Error);
    }
  });

  it.each([
    ['a page of a proxy', '<html><body>Sign in</body></html>', 'EnumerationResults'],
    ['JSON', '{"Blobs":[]}', 'outside of the root'],
    ['no list', '<EnumerationResults><NextMarker/></EnumerationResults>', 'no <Blobs>'],
    ['no word on further pages', '<EnumerationResults><Blobs/></EnumerationResults>', 'no <NextMarker>'],
    ['two answers', listAnswerOfAzure({ names: [] }).repeat(2), 'root'],
    ['tags that do not match', blobOf(`<Name>a</Nome>${PROPERTIES}`), 'does not close'],
    ['an unknown entity', blobOf(`<Name>a&uuml;</Name>${PROPERTIES}`), 'entity'],
    ['a bare ampersand', blobOf(`<Name>a & b</Name>${PROPERTIES}`), 'entity'],
    ['a document type', `<!DOCTYPE x>${blobOf('')}`, 'declaration'],
    ['broken percent-encoding', blobOf(`<Name Encoded="true">%E4</Name>${PROPERTIES}`), 'percent-encoding'],
    ['a blob without a name', blobOf(PROPERTIES), 'no name'],
    ['a blob without a date', blobOf('<Name>a</Name><Properties><Etag>1</Etag></Properties>'), 'no Last-Modified'],
    ['a blob without an ETag', blobOf(`<Name>a</Name>${PROPERTIES.replace('0x1', '')}`), 'no Etag'],
    [
      'a date that is none',
      blobOf(`<Name>a</Name>${PROPERTIES.replace('Fri, 02 Jan 2026 03:04:05 GMT', '2026-01-02')}`),
      'no date',
    ],
    ['a deleted blob', blobOf(`<Name>a</Name><Deleted>true</Deleted>${PROPERTIES}`), 'Deleted'],
    ['a snapshot', blobOf(`<Name>a</Name><Snapshot>2026-01-01T00:00:00Z</Snapshot>${PROPERTIES}`), 'Snapshot'],
    ['an element within a name', blobOf(`<Name>a<b/></Name>${PROPERTIES}`), '<b>'],
    ['an attribute that is none', blobOf(`<Name Encoded=true>a</Name>${PROPERTIES}`), 'attribute'],
  ])('is refused when it holds %s', (_what, body, problem) => {
    expect(() => readListAnswer(body)).toThrow(MalformedListAnswer);
    expect(() => readListAnswer(body)).toThrow(problem);
  });
});
