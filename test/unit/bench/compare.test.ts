import { compareMeasures } from '../../../bench/report/compare';
import { readSavedRun, type SavedRun } from '../../../bench/report/savedRun';

const run = (values: Readonly<Record<string, number>>, scale = 1): SavedRun => ({
  scale,
  benches: [
    {
      name: 'cast',
      details: null,
      measures: Object.entries(values).map(([name, value]) => ({
        name,
        value,
        better: name.startsWith('requests') ? ('lower' as const) : ('higher' as const),
        informative: name.endsWith('of this machine'),
      })),
    },
  ],
});

describe('a run compared with a saved one', () => {
  it('says what became worse and better by more than the tolerance, whichever way is better', () => {
    const before = run({ rate: 40, 'rate with latency': 40, requests: 0.01, 'requests of deletes': 0.01 });
    const now = run({ rate: 30, 'rate with latency': 60, requests: 0.02, 'requests of deletes': 0.011 });
    expect(compareMeasures(before, now, 0.25).map(({ name, verdict }) => [name, verdict])).toEqual([
      ['rate', 'worse'],
      ['rate with latency', 'better'],
      ['requests', 'worse'],
      ['requests of deletes', 'same'],
    ]);
  });

  it('leaves out figures that only one run has, and those that say more about the machine', () => {
    const before = run({ a: 1, 'b of this machine': 9, c: 2 });
    const changes = compareMeasures(before, run({ 'b of this machine': 1, c: 2, d: 1 }), 0.25);
    expect(changes.map(({ name }) => name)).toEqual(['c']);
  });

  it('refuses runs without a common figure, which would say that nothing became worse', () => {
    expect(() => compareMeasures(run({ a: 1 }), run({ b: 1 }), 0.25)).toThrow(/no figures that can be compared/);
  });

  it('refuses runs of different sizes and files that are no runs', () => {
    expect(() => compareMeasures(run({ a: 1 }), run({ a: 1 }, 2), 0.25)).toThrow(/scale 1, this one 2/);
    expect(() => readSavedRun('{"benches":1}')).toThrow(/no saved run/);
    expect(readSavedRun(JSON.stringify(run({ a: 1 })))).toMatchObject({ scale: 1 });
  });
});
