import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const LAST_VECTOR = 114;

function testFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && !name.endsWith('vectorCoverage.test.ts'))
    .map((name) => join(folder, name));
}

/** Numbers that test names carry: `vector 7: ...`, and rows `'35: ...'` of tables whose test is `vector %s`. */
function vectorsIn(text: string): readonly number[] {
  const named = [...text.matchAll(/vectors? ((?:\d+(?:, | and )?)+)[: ]/g)].flatMap(
    ([, list = '']) => list.match(/\d+/g) ?? [],
  );
  const rows = text.includes('vector %s') ? [...text.matchAll(/['"](\d+): /g)].map(([, number = '']) => number) : [];
  return [...named, ...rows].map(Number);
}

test('every vector of the mapping, 1 to 114, has a test of its number', () => {
  const files = ['dicom', 'mapping'].flatMap((folder) => testFiles(resolve(__dirname, '../', folder)));
  const covered = new Set(files.flatMap((file) => vectorsIn(readFileSync(file, 'utf8'))));
  const all = Array.from({ length: LAST_VECTOR }, (_, index) => index + 1);
  const missing = all.filter((vector) => !covered.has(vector));
  process.stdout.write(`mapping vectors with a test: ${LAST_VECTOR - missing.length} of ${LAST_VECTOR}\n`);
  expect(missing).toEqual([]);
});
