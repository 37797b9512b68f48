import fc from 'fast-check';
import { similarObjects } from '../../../src/dicom/similarObjects';

const bytesOf = (text: string): Buffer => Buffer.from(text);
const tag = fc.constantFrom('00080005', '00080016', '0008103E', '0020000d', '0040A730', '40000010');
const object = fc.dictionary(tag, fc.jsonValue(), { maxKeys: 6 });

describe('objects that are much alike', () => {
  it('are what JSON.parse makes of them, whatever came before', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(object, fc.jsonValue()), { maxLength: 8 }),
        fc.constantFrom(undefined, 1),
        (values, indent) => {
          const { parse } = similarObjects();
          for (const text of values.map((value) => JSON.stringify(value, undefined, indent)))
            expect(parse(bytesOf(text))).toEqual(JSON.parse(text));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('share the members that are written alike', () => {
    const { parse } = similarObjects();
    const first = parse(
      bytesOf('{"00080005":{"vr":"CS"},"00080018":{"vr":"UI","Value":["1"]},"00100020":{"vr":"LO"}}'),
    );
    const second = parse(
      bytesOf(
        '{"00080005":{"vr":"CS"},"00080016":{"vr":"UI"},"00080018":{"vr":"UI","Value":["2"]},"00100020":{"vr":"LO"}}',
      ),
    );
    const [one, other] = [first, second] as Record<string, unknown>[];
    expect(other!['00100020']).toBe(one!['00100020']);
    expect(other!['00080005']).toBe(one!['00080005']);
    expect(other!['00080018']).toEqual({ vr: 'UI', Value: ['2'] });
  });

  it('keep the last of two members with one name', () => {
    const { parse } = similarObjects();
    for (const text of ['{"00080005":1,"00080005":2}', '{"00080005":3,"00080005":2}', '{"00080005":2,"00080005":1}'])
      expect(parse(bytesOf(text))).toEqual(JSON.parse(text));
  });

  it.each([
    ['{"00080005":1,}'],
    ['{"00080005":1 "00080016":2}'],
    ['{"00080005":}'],
    ['{"00080005":[1}'],
    ['{"00080005":1]}'],
    ['{"00080005":1'],
    ['{"00080005":"Doe'],
    ['{"00080005":"Doe\\'],
    ['{"00080005":1}}'],
    ['{"00080005":1}{"00080016":2}'],
    ['{"00080005":NaN}'],
    ['{,"00080005":1}'],
  ])('are refused where they are no JSON: %s', (text) => {
    const { parse } = similarObjects();
    parse(bytesOf('{"00080005":1,"00080016":2}'));
    expect(() => parse(bytesOf(text))).toThrow(SyntaxError);
  });
});
