import fc from 'fast-check';
import { type DicomDataset, isObject, readDataset, taggedElements } from '../../../src/dicom/dataset';
import { KnownDatasets, type SimilarDataset, similarDatasets } from '../../../src/dicom/similarDatasets';
import { collectPatientSecrets } from '../../../src/study/patientSecrets';
import { whatIsRead } from '../../support/dicomJson';

const bytesOf = (text: string): Buffer => Buffer.from(text);
const expected = (text: string) => {
  const json: unknown = JSON.parse(text);
  return isObject(json) ? plain(readDataset(json)) : undefined;
};
const plain = (dataset: DicomDataset | undefined) => dataset && whatIsRead(dataset);
const tag = fc.constantFrom('00080005', '00080008', '00080016', '0008103E', '0020000d', '0040A730', '40000010');
const element = fc.record({
  vr: fc.constantFrom('UI', 'LO', 'un', 'é', 'A"'),
  Value: fc.array(fc.oneof(fc.constantFrom('1.2.3', '1.2.34', 'A"B', 'A\\', 'é', '\u007f', '\n'), fc.jsonValue()), {
    maxLength: 2,
  }),
});
const object = fc.dictionary(tag, fc.oneof(element, fc.jsonValue()), { maxKeys: 6 });

describe('data sets that are much alike', () => {
  it('are what is read of each by itself, whatever came before', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(object, fc.jsonValue()), { maxLength: 8 }),
        fc.constantFrom(undefined, 1),
        (values, indent) => {
          const parser = similarDatasets();
          for (const text of values.map((value) => JSON.stringify(value, undefined, indent)))
            expect(plain(parser.parse(bytesOf(text)))).toEqual(expected(text));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('give every text that may name somebody, also where nobody else reads it', () => {
    const person = fc.record({ Alphabetic: fc.constantFrom('Doe^Jane', 'Roe^Rita') });
    const value = fc.oneof(
      fc.constantFrom('Doe^John', 'é', 1),
      person,
      fc.dictionary(tag, fc.record({ Value: fc.array(person) })),
    );
    const named = fc.record({ vr: fc.constantFrom('PN', 'LO', 'SQ'), Value: fc.array(value, { maxLength: 2 }) });
    const dataset = fc.dictionary(fc.oneof(tag, fc.constantFrom('00081048', '00090010', '00100010')), named);
    fc.assert(
      fc.property(fc.array(dataset, { maxLength: 6 }), (datasets) => {
        const [found, all] = [new Set<string>(), new Set<string>()];
        const parser = similarDatasets();
        for (const each of datasets) {
          collectPatientSecrets(parser.parse(bytesOf(JSON.stringify(each)))!.changed, found);
          collectPatientSecrets(taggedElements(readDataset(each).elements), all);
        }
        expect([...found].sort()).toEqual([...all].sort());
      }),
      { numRuns: 1000 },
    );
  });

  it('do not tell of a text or a number that nobody reads, whatever was there before', () => {
    const parser = similarDatasets();
    const of = (uid: string, ...values: readonly string[]): SimilarDataset => {
      const [station, position] = values;
      const unread = `"00081010":{"vr":"SH","Value":[${station}]},"00200032":{"vr":"DS","Value":[${position}]}`;
      return parser.parse(bytesOf(`{"00080018":{"vr":"UI","Value":["${uid}"]},${unread}}`))!;
    };
    const told = [
      of('1', '"A"', '1,-2.5,3'),
      of('2', '"B"', '1,-2.5,4'),
      of('3', '"CC"', '1,-2.5,10'),
      of('4', '"é"', '1e3'),
      of('5', '"D"', '5'),
      of('6', '"E"', '6'),
    ].map(({ changed }) => changed.map(({ tag }) => tag));
    const [own, station, position] = ['00080018', '00081010', '00200032'];
    expect(told).toEqual([[own], [own], [own], [own, station, position], [own], [own]]);
    expect([...of('7', '"F"', '7').elements.keys()]).toEqual([own]);
    expect(() => of('8', '"F"', '1,-2.5,')).toThrow(SyntaxError);
  });

  it('share the elements that are written alike, and say which are not', () => {
    const parser = similarDatasets();
    const texts = ['1', '2', '2'].map(
      (uid) => `{"00080008":{"vr":"CS"},"00080018":{"vr":"UI","Value":["${uid}"]},"00100020":{"vr":"LO"}}`,
    );
    const [first, second, third] = texts.map((text) => parser.parse(bytesOf(text)));
    expect(second!.elements.get('00100020')).toBe(first!.elements.get('00100020'));
    expect(second!.elements.get('00080018')).toEqual({ vr: 'UI', values: ['2'] });
    expect([first, second, third].map((each) => each!.changed.map(({ tag }) => tag))).toEqual([
      ['00080008', '00080018', '00100020'],
      ['00080018'],
      [],
    ]);
  });

  it('each tell what was forgiven in them, also where it is the same as in the one before', () => {
    const parser = similarDatasets();
    const of = (uid: string, sex: string): string =>
      `{"00080018":{"vr":"UI","Value":["${uid}"]},"00100020":{"Value":["P"]},"00100040":${sex}}`;
    const texts = [
      of('1', '{"Value":["F"]}'),
      of('2', '{"Value":["F"]}'),
      of('3', '{"vr":"CS","Value":["F"]}'),
      of('4', '"F"'),
    ];
    const read = texts.map((text) => parser.parse(bytesOf(text)));
    expect(read.map(plain)).toEqual(texts.map(expected));
    expect(read.map((dataset) => dataset?.issues.length)).toEqual([2, 2, 1, 2]);
    expect(read[1]?.changed.map(({ tag }) => tag)).toEqual(['00080018']);
  });

  it('of which some have an attribute more than others share what is written alike with the last of their form', () => {
    const parser = similarDatasets();
    const of = (uid: string, more = ''): SimilarDataset =>
      parser.parse(
        bytesOf(
          `{"00080008":{"vr":"CS"},"00080018":{"vr":"UI","Value":["${uid}"]},${more}"00100020":{"vr":"LO","Value":["1"]}}`,
        ),
      )!;
    const contrast = '"00080070":{"vr":"LO","Value":["A"]},';
    const [, , plain3, contrast4] = [of('1'), of('2', contrast), of('3'), of('4', contrast)];
    const tagsOf = ({ changed }: SimilarDataset): readonly string[] => changed.map(({ tag }) => tag);
    expect(tagsOf(plain3)).toEqual(['00080018']);
    expect(tagsOf(contrast4)).toEqual(['00080018']);
    expect([...contrast4.elements.keys()]).toEqual(['00080008', '00080018', '00080070', '00100020']);
  });

  it('are compared with the last of the four latest forms', () => {
    const parser = similarDatasets();
    const tags = ['00080050', '00080060', '00080070', '00080080', '00080090'];
    const formOf = (form: number, uid: string): readonly string[] => {
      const more = `"${tags[form]}":{"vr":"LO","Value":["A"]}`;
      const text = `{"00080018":{"vr":"UI","Value":["${uid}"]},${more},"00100020":{"vr":"LO","Value":["1"]}}`;
      return (parser.parse(bytesOf(text))?.changed ?? []).map(({ tag }) => tag);
    };
    for (const form of [0, 1, 2, 3]) formOf(form, `1.${form}`);
    expect(formOf(0, '2.0')).toEqual(['00080018']);
    // The eldest by now is form 1.
    formOf(4, '1.4');
    for (const form of [0, 2, 3, 4]) expect(formOf(form, `3.${form}`)).toEqual(['00080018']);
    expect(formOf(1, '3.1')).toEqual(['00080018', '00080060', '00100020']);
  });

  it('of one study without line breaks are known for the next one with them', () => {
    const known = new KnownDatasets();
    const write = (uid: string, between: string): Buffer =>
      bytesOf(
        `{"00080008":{"vr":"CS"},${between}"00080016":{"vr":"UI","Value":["1.2"]},${between}"00080018":{"vr":"UI","Value":["${uid}"]}}`,
      );
    const first = similarDatasets(known).parse(write('1', ''));
    const parser = similarDatasets(known);
    parser.parse(write('2', '\n'));
    const third = parser.parse(write('3', '\n'));
    expect(third?.changed.map(({ tag }) => tag)).toEqual(['00080018']);
    expect(plain(third)).toEqual(expected(write('3', '\n').toString()));
    expect(plain(first)).toEqual(expected(write('1', '').toString()));
  });

  it('of another study are all told as changed, and share what is written alike in a known one', () => {
    const known = new KnownDatasets();
    const of = (study: string, instance: string): Buffer =>
      bytesOf(
        `{"00080008":{"vr":"CS"},"00080018":{"vr":"UI","Value":["${instance}"]},"0020000D":{"vr":"UI","Value":["${study}"]}}`,
      );
    const first = similarDatasets(known).parse(of('1', '1.1'));
    const parser = similarDatasets(known);
    const other = parser.parse(of('2', '2.1'));
    expect(plain(other)).toEqual(expected(of('2', '2.1').toString()));
    expect(other!.changed.map(({ tag }) => tag)).toEqual(['00080008', '00080018', '0020000D']);
    expect(other!.elements.get('00080008')).toBe(first!.elements.get('00080008'));
    expect(parser.parse(of('2', '2.2'))!.changed.map(({ tag }) => tag)).toEqual(['00080018']);
    expect(first!.elements.get('0020000D')).toEqual({ vr: 'UI', values: ['1'] });
  });

  it('share what is written alike in one of their SOP class, whichever was read since', () => {
    const known = new KnownDatasets();
    const of = (sopClass: string, instance: string): Buffer =>
      bytesOf(
        `{"00080008":{"vr":"CS"},"00080016":{"vr":"UI","Value":["${sopClass}"]},"00080018":{"vr":"UI","Value":["${instance}"]}}`,
      );
    const read = (text: Buffer) => similarDatasets(known).parse(text)!;
    const first = read(of('1.2', '1.1'));
    const between = read(of('1.3', '2.1'));
    const again = read(of('1.2', '3.1'));
    expect(again.elements.get('00080016')).toBe(first.elements.get('00080016'));
    expect(again.elements.get('00080018')).toEqual({ vr: 'UI', values: ['3.1'] });
    expect(between.elements.get('00080016')).toEqual({ vr: 'UI', values: ['1.3'] });
  });

  it('have the numbers that JSON.parse reads, to the last bit', () => {
    const digits = fc.stringMatching(/^[0-9]{1,18}$/);
    const number = fc
      .tuple(
        fc.constantFrom('', '-', '+'),
        digits,
        fc.option(digits),
        fc.constantFrom('', '', '', '.', 'e3', 'E-2', '.5'),
      )
      .map(([sign, whole, fraction, end]) => `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${end}`);
    const read = (text: string): unknown => {
      try {
        return similarDatasets().parse(bytesOf(text));
      } catch {
        return 'not JSON';
      }
    };
    const parsed = (text: string): unknown => {
      try {
        return expected(text);
      } catch {
        return 'not JSON';
      }
    };
    fc.assert(
      fc.property(fc.array(fc.oneof(number, fc.double().map(String)), { minLength: 1, maxLength: 3 }), (numbers) => {
        const text = `{"0040A30A":{"vr":"DS","Value":[${numbers.join(',')}]}}`;
        const dataset = read(text);
        expect(isObject(dataset) ? plain(dataset as unknown as DicomDataset) : dataset).toEqual(parsed(text));
      }),
      { numRuns: 5000 },
    );
  });

  it('are read as by themselves whichever study was read before', () => {
    fc.assert(
      fc.property(fc.array(fc.array(object, { maxLength: 4 }), { maxLength: 4 }), (studies) => {
        const known = new KnownDatasets();
        for (const texts of studies.map((study) => study.map((each) => JSON.stringify(each)))) {
          const parser = similarDatasets(known);
          for (const text of texts) expect(plain(parser.parse(bytesOf(text)))).toEqual(expected(text));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('tell what is missing or new in one of them', () => {
    const parser = similarDatasets();
    const full = '{"00080008":{"vr":"CS"},"00080018":{"vr":"UI"},"00100020":{"vr":"LO"}}';
    const texts = [full, '{"00080008":{"vr":"CS"},"00080018":{"vr":"UI"}}', full, '{"00080018":{"vr":"UI"}}', full];
    for (const text of texts) expect(plain(parser.parse(bytesOf(text)))).toEqual(expected(text));
  });

  it('keep the last of two members with one name', () => {
    const parser = similarDatasets();
    for (const values of [
      [1, 2],
      [3, 2],
      [2, 1],
    ]) {
      const text = `{${values.map((value) => `"00080008":{"vr":"CS","Value":[${value}]}`).join(',')}}`;
      expect(plain(parser.parse(bytesOf(text)))).toEqual(expected(text));
    }
  });

  it('are found by where they begin', () => {
    const parser = similarDatasets();
    const text = '[{"00080008":{"vr":"CS"}},{"00080008":{"vr":"LO"}}]';
    expect(parser.parseAt!(bytesOf(text), 1)?.end).toBe(text.indexOf(',{'));
    expect(parser.parseAt!(bytesOf(text.slice(0, -3)), text.indexOf(',{') + 1)).toBeUndefined();
    expect(parser.parseAt!(bytesOf(text), text.indexOf(',{') + 1)?.end).toBe(text.length - 1);
  });

  it.each([
    ['{"00080008":1,}'],
    ['{"00080008":1 "00080016":2}'],
    ['{"00080008":}'],
    ['{"00080008":[1}'],
    ['{"00080008":1]}'],
    ['{"00080008":1'],
    ['{"00080008":"Doe'],
    ['{"00080008":"Doe\\'],
    ['{"00080008":1}}'],
    ['{"00080008":1}{"00080016":2}'],
    ['{"00080008":1}"00080016":2}'],
    ['{"00080008":{"vr":"CS"}}"00080016":{"vr":"UI"}}'],
    ['{"00080008":NaN}'],
    ['{,"00080008":1}'],
    ['{"00080008":{"vr":"CS","Value":["A"}}'],
    ['{"00080008":{"vr":"CS","Value":["A"]]}'],
    ['{"00080008":{"vr":"CS","Value":["A",]}}'],
    ['{"00080008":{"vr":"CS","Value":["A"]"B"}}'],
    ['{"00080008":{"vr":"CS","Value":["A\n"]}}'],
    ['{"00080008":{"vr":"CS","Value":["A\n]}}'],
    ['{"00080008":{"vr":"C"","Value":["A"]}}'],
    ['{"00080008":{"vr":"CS","Value":["A"]}]'],
    ['{"00080008":{"vr":"CS","Value":["A"]};"00080016":1}'],
  ])('are refused where they are no JSON: %s', (text) => {
    // The other one is of an attribute that nobody reads.
    for (const tag of ['00080008', '00080005'])
      for (const before of ['{"vr":"CS"}', '{"vr":"CS","Value":["A"]}', '{"vr":"CS","Value":["AB"]}']) {
        const parser = similarDatasets();
        parser.parse(bytesOf(`{"${tag}":${before},"00080016":{"vr":"UI"}}`));
        expect(() => parser.parse(bytesOf(text.replaceAll('00080008', tag)))).toThrow(SyntaxError);
      }
  });
});
