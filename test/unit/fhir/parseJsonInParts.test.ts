import fc from 'fast-check';
import { atOnce } from '../../../src/concurrency/parts';
import { parseJsonInParts } from '../../../src/fhir/parseJsonInParts';

const outcome = (parse: () => unknown): unknown => {
  try {
    return { parsed: parse() };
  } catch (error) {
    return error instanceof SyntaxError ? 'no JSON' : error;
  }
};
const inParts = (text: string, partLength: number): unknown =>
  outcome(() => atOnce(parseJsonInParts(text, partLength, partLength / 2)));
const whole = (text: string): unknown => outcome(() => JSON.parse(text) as unknown);

const partLength = fc.integer({ min: 0, max: 40 });
const text = fc
  .tuple(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 1, '\t', ' \r\n'))
  .map(([value, indent]) => JSON.stringify(value, undefined, indent));

describe('JSON that is parsed in parts', () => {
  it('gives what JSON.parse gives, however long the parts are', () => {
    fc.assert(
      fc.property(text, partLength, (json, length) => {
        expect(inParts(json, length)).toEqual(whole(json));
      }),
      { numRuns: 3000 },
    );
  });

  it('is refused where JSON.parse refuses it', () => {
    const damage = fc.record({
      at: fc.nat(),
      removed: fc.nat(2),
      added: fc.constantFrom('', ',', ':', '[', ']', '{', '}', '"', '\\', ' ', '1', '\u00a0'),
    });
    fc.assert(
      fc.property(text, damage, partLength, (json, { at, removed, added }, length) => {
        const place = at % (json.length + 1);
        const damaged = json.slice(0, place) + added + json.slice(place + removed);
        expect(inParts(damaged, length)).toEqual(whole(damaged));
      }),
      { numRuns: 20_000 },
    );
  });

  it.each([
    '{"__proto__":{"a":1},"b":[1,2,3,4,5]}',
    '{"a":1,"b":2,"a":[3,4,5,6,7,8]}',
    '{"2":1,"1":[1,2,3,4,5,6]}',
    '["a\\\\",["]"],"\\"",{"}":"{"}]',
    `[${' '.repeat(100)}]`,
    `{${' '.repeat(100)}}`,
    '"a long text by itself, with \\" and \\\\"',
    '',
    '   ',
    '[',
    '[1,2',
    '[1,2,]',
    '{"a":[1,2,3,4],}',
    '{"a" [1,2,3,4]}',
    '{a:[1,2,3,4,5,6]}',
    '[1,2,3}',
    '[[1,2,3,4,5,6]] ]',
  ])('treats %s as JSON.parse does', (json) => {
    for (const length of [0, 1, 3, 10, 1000]) {
      expect(inParts(json, length)).toEqual(whole(json));
      expect(JSON.stringify(inParts(json, length))).toBe(JSON.stringify(whole(json)));
    }
  });

  it.each([
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('may be nested as deep as JSON.parse allows: %s', (_, open, close) => {
    const levels = 100_000;
    const depthOf = (value: unknown): number => {
      let depth = 0;
      for (let inner = value; typeof inner === 'object' && inner !== null; depth++)
        [inner] = Object.values(inner) as unknown[];
      return depth;
    };
    const nested = `${open.repeat(levels)}1${close.repeat(levels)}`;
    expect(depthOf(atOnce(parseJsonInParts(nested, 1000, 100)))).toBe(levels);
    expect(() => atOnce(parseJsonInParts(nested.slice(0, -1), 1000, 100))).toThrow(SyntaxError);
  });

  it('has a part for each long text', () => {
    const work = parseJsonInParts(JSON.stringify(Array.from({ length: 10 }, () => 'x'.repeat(200))), 1000, 100);
    let parts = 1;
    while (work.next().done !== true) parts++;
    expect(parts).toBeGreaterThanOrEqual(10);
  });

  it('has a part for about every so many characters', () => {
    const json = JSON.stringify({
      entry: [{ resource: { series: [{ instance: Array.from({ length: 2000 }, String) }] } }],
    });
    const work = parseJsonInParts(json, 1000, 100);
    let parts = 1;
    while (work.next().done !== true) parts++;
    expect(parts).toBeGreaterThan(json.length / 1100);
    expect(parts).toBeLessThan(json.length / 800);
  });
});
