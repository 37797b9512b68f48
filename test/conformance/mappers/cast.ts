import { readSamples } from '../../../local/samples/samples';
import { readDataset } from '../../../src/dicom/dataset';
import { endpointFor } from '../../../src/mapping/endpoint';
import { overlayImagingStudy } from '../../../src/mapping/imagingStudy';
import { defaultMappingOptions, type MappingOptions } from '../../../src/mapping/options';
import { newPatient } from '../../../src/mapping/patient';
import { projectStudy } from '../../../src/mapping/projectStudy';
import { readInstance } from '../../../src/mapping/readInstance';
import { castSource } from '../../../src/mapping/source';
import type { MappedStudy, MapperOutput } from './mappedStudy';

/** As the others were run: the zone of Berlin, and studies without PatientID let through, so that more can be compared. */
const OPTIONS: MappingOptions = {
  ...defaultMappingOptions,
  defaultTimeZone: 'Europe/Berlin',
  missingPatientId: 'placeholder',
};

const SOURCE = castSource('https://d.example', 'v2', 'Microsoft.Default');

/** The samples as Cast maps them. */
export function castOutput(): MapperOutput {
  const studies = readSamples().studies.flatMap(({ studyUid, samples }) => {
    const mapped = mapStudy(
      studyUid,
      samples.map(({ dataset }) => dataset),
    );
    return mapped === undefined ? [] : [[studyUid, mapped] as const];
  });
  return { name: 'Cast', studies: new Map(studies), unit: 'studies', failures: [] };
}

function mapStudy(studyUid: string, datasets: readonly object[]): MappedStudy | undefined {
  const readings = datasets.map((json) => readInstance(readDataset(json), OPTIONS));
  const valid = readings.flatMap((reading) => (reading.kind === 'valid' ? [reading] : []));
  const projection = projectStudy({ partition: 'Microsoft.Default', uid: studyUid }, valid, OPTIONS);
  if (projection === undefined) return undefined;
  const imagingStudy = overlayImagingStudy(undefined, projection, {
    subject: { reference: 'Patient/p1', type: 'Patient' },
    endpoint: { reference: 'Endpoint/e1', type: 'Endpoint' },
    source: SOURCE,
  });
  const patient = projection.patient === undefined ? undefined : newPatient(projection.patient, SOURCE);
  return { imagingStudy, patient, endpoint: endpointFor(SOURCE) };
}
