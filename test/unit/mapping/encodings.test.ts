import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readDataset } from '../../../src/dicom/dataset';
import { defaultMappingOptions, type MappingOptions } from '../../../src/mapping/options';
import { readInstance } from '../../../src/mapping/readInstance';
import { projection } from '../../support/mapping';

const ROOT = resolve(__dirname, '../../..');
const OPTIONS: MappingOptions = {
  ...defaultMappingOptions,
  defaultTimeZone: 'Europe/Berlin',
  missingPatientId: 'placeholder',
  studyIdIdentifier: true,
  encounter: true,
  otherPatientNames: true,
  extendedDemographics: true,
  imageTypeAsTitle: true,
  otherPatientIdsSystem: 'https://h.example/other',
  numberOfFramesExtension: 'https://h.example/frames',
};

interface Line {
  readonly src: string;
  readonly dicom: Readonly<Record<string, { readonly Value?: readonly unknown[] }>>;
}

function lines(path: string): readonly Line[] {
  const text = gunzipSync(readFileSync(resolve(ROOT, path))).toString('utf8');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
}

const uidOf = ({ dicom }: Line): string => String(dicom['00080018']?.Value?.[0]);

/** Everything that one object comes to. */
function result({ dicom }: Line): unknown {
  const reading = readInstance(readDataset(dicom), OPTIONS);
  if (reading.kind === 'invalid') return reading.kind;
  const { patient, imagingStudy } = projection([dicom], OPTIONS);
  return JSON.parse(JSON.stringify({ patient, imagingStudy }));
}

/** The elements in which two results differ, as paths. */
function differences(a: unknown, b: unknown, path = ''): readonly string[] {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b ? [] : [path];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  const [one, other] = [a, b] as Record<string, unknown>[];
  return [...keys].flatMap((key) => differences(one?.[key], other?.[key], path === '' ? key : `${path}.${key}`));
}

/** Where the other encoder's data itself is different, and why. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  // It does not decode the second character set (ISO 2022 IR 87): the two Japanese groups of the name stay as raw bytes.
  'pydicom/charset_files/chrH32.dcm': [
    'patient.names.1.text',
    'patient.names.1.family',
    'patient.names.1.given.0',
    'patient.names.2.text',
    'patient.names.2.family',
    'patient.names.2.given.0',
    'patient.names.2.given.1',
  ],
  // It takes the backslash between the values of Image Type for the yen sign that ISO 2022 IR 13 has in its place.
  'pydicom/test_files/J2K_pixelrep_mismatch.dcm': ['imagingStudy.series.0.instance.0.title'],
};

test('two JSON encoders of the same objects give the same projection', () => {
  const other = new Map(lines('test/fixtures/dicom-corpus/alt-orthanc.ndjson.gz').map((line) => [uidOf(line), line]));
  const samples = ['pydicom', 'pydicom-data', 'generated'].flatMap((name) => lines(`local/samples/${name}.ndjson.gz`));
  const found: Record<string, readonly string[]> = {};
  let compared = 0;
  for (const sample of samples) {
    const twin = other.get(uidOf(sample));
    if (twin === undefined) continue;
    compared++;
    const paths = differences(result(sample), result(twin));
    if (paths.length > 0) found[sample.src] = paths;
  }
  expect(compared).toBeGreaterThan(150);
  expect(found).toEqual(KNOWN);
});
