import type { ImagingStudy } from 'fhir/r4';
import { readSamples } from '../../local/samples/samples';
import { createDicomWebClient } from '../../src/dicom/dicomWebClient';
import { readDataset } from '../../src/dicom/dataset';
import { createHttpClient, type StreamingHttpClient } from '../../src/http/httpClient';
import { overlayImagingStudy } from '../../src/mapping/imagingStudy';
import { projectStudy } from '../../src/mapping/projectStudy';
import { readInstance } from '../../src/mapping/readInstance';
import { sameMeaning } from '../../src/mapping/sameMeaning';
import { castSource } from '../../src/mapping/source';
import { CONFORMANCE_OPTIONS } from '../conformance/writtenResources';
import { signal } from '../support/castRig';
import { element } from '../support/instances';
import { metadataOf } from '../support/metadata';
import { part10Of } from '../support/part10';
import { type OrthancServer, startOrthanc } from './orthanc/orthancServer';

/** Orthanc writes the metadata of the samples with an encoder of its own; the mapping has to come to the same result. */
describe('the DICOMweb client and the mapping, on metadata that Orthanc writes', () => {
  let orthanc: OrthancServer;
  let http: StreamingHttpClient;

  beforeAll(async () => {
    orthanc = await startOrthanc();
    http = createHttpClient({ origin: orthanc.url, timeoutMs: 30_000, maxConnections: 4 });
  });

  afterAll(async () => {
    await http.close();
    await orthanc.stop();
  });

  const study = (uid: string, datasets: readonly unknown[]): ImagingStudy | undefined => {
    const valid = datasets.flatMap((json) => {
      const reading = readInstance(readDataset(json), { ...CONFORMANCE_OPTIONS, missingPatientId: 'placeholder' });
      return reading.kind === 'valid' ? [reading] : [];
    });
    const projection = projectStudy({ partition: 'Microsoft.Default', uid }, valid, CONFORMANCE_OPTIONS);
    if (projection === undefined) return undefined;
    return overlayImagingStudy(undefined, projection, {
      subject: { reference: 'Patient/1' },
      endpoint: { reference: 'Endpoint/1' },
      source: castSource('https://dicom.example', 'v2', 'Microsoft.Default'),
    });
  };

  it('gives the same studies as the samples themselves', async () => {
    const client = createDicomWebClient({ http, baseUrl: orthanc.url, version: 'dicom-web' });
    const differences: string[] = [];
    let compared = 0;
    for (const { studyUid, samples } of readSamples().studies) {
      for (const { dataset } of samples)
        await orthanc.store(part10Of({ ...dataset, '00080005': element('CS', 'ISO_IR 192') }));
      const expected = study(
        studyUid,
        samples.map(({ dataset }) => dataset),
      );
      const actual = study(
        studyUid,
        await metadataOf(client, { partition: 'Microsoft.Default', uid: studyUid }, signal()),
      );
      compared++;
      if (expected === undefined || actual === undefined)
        differences.push(`${studyUid}: ${expected === undefined ? 'no sample' : 'nothing from Orthanc'}`);
      else if (!sameMeaning(expected, actual)) differences.push(`${studyUid}: ${firstDifference(expected, actual)}`);
    }
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(40);
  });

  it('does not take a study for gone on the word of a service that has no change feed', async () => {
    const client = createDicomWebClient({ http, baseUrl: orthanc.url, version: 'dicom-web' });
    await client.searchStudies({ partition: 'Microsoft.Default', limit: 1, offset: 0 }, signal());
    const absent = metadataOf(client, { partition: 'Microsoft.Default', uid: '1.2.3.4.5' }, signal());
    await expect(absent).rejects.toMatchObject({ status: 404 });
  });
});

function firstDifference(a: object, b: object): string {
  for (const [key, value] of Object.entries(a)) {
    const other = (b as Record<string, unknown>)[key];
    if (JSON.stringify(value) !== JSON.stringify(other))
      return `${key}: ${JSON.stringify(value).slice(0, 300)} / ${JSON.stringify(other ?? null).slice(0, 300)}`;
  }
  return 'an element that only Orthanc gives';
}
