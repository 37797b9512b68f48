import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { castOutput } from '../../conformance/mappers/cast';
import { withSideBySide } from '../../conformance/mappers/document';
import { COMPARED_PATHS, NOT_COMPARED } from '../../conformance/mappers/elements';
import type { MappedStudy } from '../../conformance/mappers/mappedStudy';
import { peerOutputs } from '../../conformance/mappers/peers';
import { sideBySide } from '../../conformance/mappers/table';
import { describeSettings } from '../../../src/settings';

const document = readFileSync(resolve(__dirname, '../../../docs/mapping.md'), 'utf8');

describe('the comparison with other mappers', () => {
  const comparison = sideBySide();

  it('is in docs/mapping.md as it comes out now: run npm run compare:mappers -- --write', () => {
    // prettier pads the cells
    const cells = (text: string): string => text.replace(/ +/g, ' ').replace(/-+/g, '-').replace(/\\_/g, '_');
    expect(cells(document)).toBe(cells(withSideBySide(document, comparison.markdown)));
  });

  it('leaves no difference without a verdict, and no verdict without a difference', () => {
    expect(comparison.notJudged.map(({ path, peer, ours, theirs }) => ({ path, peer, ours, theirs }))).toEqual([]);
    expect(comparison.idle.map(({ path, kind }) => `${path}: ${kind}`)).toEqual([]);
  });

  it('looks at every element that any of the mappers writes', () => {
    const known = new Set([...COMPARED_PATHS.map((path) => path.replace(/ \(.*/, '')), ...NOT_COMPARED]);
    const written = new Set(
      [castOutput(), ...peerOutputs()].flatMap(({ studies }) => [...studies.values()].flatMap(elementsOf)),
    );
    expect([...written].filter((path) => !known.has(path))).toEqual([]);
  });
});

describe('docs/mapping.md', () => {
  it('names only settings that exist', () => {
    const settings = new Set(describeSettings().map(({ name }) => name));
    const named = [...document.matchAll(/`([A-Z]{2,}(?:_[A-Z]+)+)/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(20);
    expect([...new Set(named)].filter((name) => !settings.has(name))).toEqual([]);
  });
});

function elementsOf({ imagingStudy, patient, endpoint }: MappedStudy): readonly string[] {
  const series = imagingStudy.series ?? [];
  const members = (path: string, ...objects: readonly (object | undefined)[]): readonly string[] =>
    objects.flatMap((object) => Object.keys(object ?? {}).map((key) => `${path}.${key}`));
  return [
    ...members('ImagingStudy', imagingStudy),
    ...members('ImagingStudy.series', ...series),
    ...members('ImagingStudy.series.instance', ...series.flatMap(({ instance = [] }) => instance)),
    ...members('Patient', patient),
    ...members('Endpoint', endpoint),
  ];
}
