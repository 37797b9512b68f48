import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { presets } from '../../../local/fhir/switches';

describe('the README of the embedded FHIR server', () => {
  it('has every switch with its value in every preset', () => {
    const text = readFileSync(join(__dirname, '../../../local/fhir/README.md'), 'utf8');
    const rows = [...text.matchAll(/^\| `(\w+)`\s*\|([^|]+)\|([^|]+)\|([^|]+)\|/gm)].map((row) =>
      row.slice(1, 5).map((cell) => cell.trim()),
    );
    const shown = (value: string | number | boolean): string =>
      value === true ? 'yes' : value === false ? 'no' : typeof value === 'number' ? value.toLocaleString('en') : value;
    const names = Object.keys(presets.good) as (keyof typeof presets.good)[];
    const expected = names.map((name) => [
      name,
      ...[presets.good, presets.hapi, presets.worst].map((preset) => shown(preset[name])),
    ]);
    expect([...rows].sort()).toEqual([...expected].sort());
  });
});
