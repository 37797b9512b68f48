import fc from 'fast-check';
import { type ElementParser, jsonElements, parseMetadata } from '../../../src/dicom/parseMetadata';
import { type DicomElement, isObject, readDataset } from '../../../src/dicom/dataset';
import { type SimilarDataset, similarDatasets } from '../../../src/dicom/similarDatasets';
import { whatIsRead } from '../../support/dicomJson';
import { failureOf } from '../../support/fhirClient';
import { everyPartIsLong, OtherWork } from '../../support/turns';

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size)
    yield await Promise.resolve(bytes.subarray(start, start + size));
}

const OPTIONS = { maxBytes: Number.MAX_SAFE_INTEGER, signal: new AbortController().signal };

async function parse(
  text: string | Uint8Array,
  size = 7,
  parser: ElementParser<unknown> = jsonElements,
): Promise<readonly unknown[]> {
  const elements: unknown[] = [];
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  await parseMetadata(inPieces(bytes, size), parser, (part) => elements.push(...part), OPTIONS);
  return elements;
}

/** Whether an element that no data set before had is not among those that have changed. */
function saysLess(
  changed: SimilarDataset['changed'],
  elements: SimilarDataset['elements'],
  before: readonly SimilarDataset[],
): boolean {
  const told = new Map(changed.map(({ tag, element }) => [tag, element]));
  const isKnown = (tag: string, element: DicomElement): boolean =>
    before.some((one) => one.elements.get(tag) === element);
  return [...elements].some(([tag, element]) => !isKnown(tag, element) && told.get(tag) !== element);
}

describe('data sets that arrive in pieces', () => {
  it.each([
    ['without blanks', (json: readonly object[]) => JSON.stringify(json)],
    ['one a line', (json: readonly object[]) => `[\n${json.map((each) => JSON.stringify(each)).join(',\n')}\n]`],
    [
      'with blanks around commas',
      (json: readonly object[]) => `[${json.map((each) => JSON.stringify(each)).join('\n,\n')}\n]`,
    ],
    ['indented', (json: readonly object[]) => JSON.stringify(json, undefined, 2)],
  ])('are those of their JSON, wherever they are cut: %s', async (_, write) => {
    const json = Array.from({ length: 5 }, (_, index) => ({
      '00080018': { vr: 'UI', Value: [`1.${index}`] },
      '00100010': { vr: 'PN', Value: [{ Alphabetic: 'Grün^"]}' }] },
      ...(index === 3 ? { '00100020': { vr: 'LO', Value: ['4'] } } : {}),
    }));
    const bytes = Buffer.from(write(json));
    for (let size = 1; size <= bytes.length; size++) {
      const datasets: SimilarDataset[] = [];
      const take = (part: readonly (SimilarDataset | undefined)[]): void =>
        void datasets.push(...part.flatMap((dataset) => dataset ?? []));
      await parseMetadata(inPieces(bytes, size), similarDatasets(), take, OPTIONS);
      expect(datasets.map(({ elements }) => new Map(elements))).toEqual(json.map((each) => readDataset(each).elements));
      expect(
        datasets.filter(({ elements, changed }, index) => saysLess(changed, elements, datasets.slice(0, index))),
      ).toEqual([]);
    }
    const parser = similarDatasets();
    const [first, second] = (await parse(bytes, bytes.length, parser)) as readonly SimilarDataset[];
    expect(second?.elements.get('00100010')).toBe(first?.elements.get('00100010'));
  });
});

describe('metadata that are damaged on their way', () => {
  const value = fc.oneof(fc.nat(2), fc.constantFrom('A', 'AB'));
  const element = fc.record({ vr: fc.constantFrom('UI', 'DS'), Value: fc.array(value, { maxLength: 2 }) });
  const alike = fc.record({ '00080005': element, '00080016': element, '00080018': element });
  const dataset = fc.oneof(alike, alike, fc.dictionary(fc.constantFrom('00080005', '00080016', '00080018'), element));
  const damage = fc.record({
    at: fc.nat(),
    removed: fc.nat(3),
    added: fc.constantFrom('', ',', '}', ']', '{', '"', '\\', ' ', '\n', '\t', '\0', '1'),
  });
  const read = async (text: string, size: number): Promise<unknown> => {
    const datasets: unknown[] = [];
    const take = (part: readonly (SimilarDataset | undefined)[]): void =>
      void datasets.push(...part.map((each) => each && whatIsRead(each)));
    await parseMetadata(inPieces(Buffer.from(text), size), similarDatasets(), take, OPTIONS);
    return datasets;
  };
  const readAtOnce = (text: string): unknown => {
    const json: unknown = JSON.parse(text);
    if (!Array.isArray(json)) throw new SyntaxError('no array');
    return json.map((each) => (isObject(each) ? whatIsRead(readDataset(each)) : undefined));
  };

  it('are refused, or what JSON.parse makes of them: no data set is lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(dataset, { minLength: 1, maxLength: 6 }),
        damage,
        fc.integer({ min: 1, max: 400 }),
        fc.constantFrom(undefined, 1),
        async (datasets, { at, removed, added }, size, indent) => {
          const text = JSON.stringify(datasets, undefined, indent);
          // Where something ends: in the middle of a value there is little to lose.
          const ends = [...text.matchAll(/[,}\]]/g)].map(({ index }) => index);
          const place = ends[at % ends.length] ?? 0;
          const damaged = text.slice(0, place) + added + text.slice(place + removed);
          const expected = await Promise.resolve(damaged)
            .then(readAtOnce)
            .catch(() => 'refused');
          expect(await read(damaged, size).catch((error: unknown) => code(error))).toEqual(expected);
        },
      ),
      { numRuns: 10_000 },
    );
  });
});

const code = (error: unknown): unknown =>
  error instanceof Error && 'code' in error && error.code === 'MalformedMetadata' ? 'refused' : error;

describe('metadata that arrive in pieces', () => {
  it('are what JSON.parse makes of them, wherever they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue()),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(undefined, 1),
        async (value, size, indent) => {
          const text = JSON.stringify(value, undefined, indent);
          expect(await parse(text, size)).toEqual(JSON.parse(text));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('may hold brackets, quotes and characters of several bytes in their texts', async () => {
    const value = [{ a: '"]},[{\\', 'ü"': ['漢字', '😀'] }, { b: '\\"' }];
    for (let size = 1; size < 12; size++) expect(await parse(JSON.stringify(value), size)).toEqual(value);
  });

  it.each([
    ['nothing', ''],
    ['white space', ' \r\n\t'],
    ['an empty array', ' [ ] '],
    ['an empty array after a byte order mark', '\ufeff[]'],
  ])('may be %s', async (_, text) => {
    expect(await parse(text)).toEqual([]);
  });

  it.each([
    ['an object', '{"a":1}'],
    ['null', 'null'],
    ['text', '"Doe"'],
    ['an HTML page', '<html>Doe</html>'],
    ['an array that is cut off', '[{"a":"Doe"}'],
    ['an array cut off within an element', '[{"a":"Do'],
    ['a trailing comma', '[{"a":1},]'],
    ['a missing element', '[1,,2]'],
    ['something after the array', '[1] Doe'],
    ['an element that is no JSON', '[{"a":Doe}]'],
    ['something behind an element', '[{"00080005":1} {"00080005":2}]'],
    ['a brace too many', '[{"00080005":1}}]'],
    ['an array that is cut off behind an element', '[{"00080005":1} '],
    ['brackets that do not match', '[{"a":[1}]]'],
    ['NaN', '[{"a":NaN}]'],
  ])('are malformed when they are %s', async (_, text) => {
    for (const parser of [jsonElements, similarDatasets()]) {
      const error = await failureOf(parse(text, 7, parser));
      expect(error).toMatchObject({ code: 'MalformedMetadata' });
      expect(String(error)).not.toContain('Doe');
    }
  });

  it('are refused as soon as they are longer than they may be', async () => {
    const text = '[{"00080005":1},{"00080005":2}]';
    const taken: unknown[] = [];
    const read = (maxBytes: number): Promise<void> =>
      parseMetadata(inPieces(Buffer.from(text), 16), jsonElements, (part) => taken.push(...part), {
        ...OPTIONS,
        maxBytes,
      });
    expect(await failureOf(read(text.length - 1))).toMatchObject({ code: 'ResponseTooLarge' });
    expect(taken).toEqual([{ '00080005': 1 }]);
    await read(text.length);
  });

  it('let others come first after each chunk that takes long', async () => {
    everyPartIsLong();
    const others = new OtherWork();
    await parse('[{"00080005":1},{"00080005":2}]', 8);
    others.stop();
    jest.restoreAllMocks();
    expect(others.takeTurns()).toBeGreaterThanOrEqual(3);
  });
});
