import { reasonNotStorable } from '../../../local/dicom/storable';
import { firstText } from '../../../local/dicom/dicomJson';
import { readSamples } from '../../../local/samples/samples';
import { startDicomService } from '../../../local/dicom/dicomService';

const { studies, leftOut } = readSamples();
const samples = studies.flatMap((study) => study.samples);

test('every sample is either stored or named with the reason why not', async () => {
  const service = await startDicomService();
  try {
    const outcomes = service.offer(samples.map((sample) => sample.dataset));
    expect(outcomes.filter((outcome) => outcome.kind === 'rejected')).toEqual([]);
    expect(service.studies().map((study) => study.uid)).toEqual(studies.map((study) => study.studyUid));
  } finally {
    await service.stop();
  }
  expect(samples).toHaveLength(166);
  expect(leftOut).toEqual([
    {
      source: 'pydicom-data/bad_sequence.dcm',
      reason: 'StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID are missing or invalid',
    },
  ]);
});

test('the samples show what a real archive holds: many kinds of objects, and gaps', () => {
  const modalities = new Set(samples.map((sample) => firstText(sample.dataset, '00080060')));
  for (const modality of ['CR', 'CT', 'MR', 'US', 'NM', 'SR', 'SEG', 'RTPLAN', 'ECG', 'KO', 'PR']) {
    expect(modalities).toContain(modality);
  }
  expect(samples.filter((sample) => firstText(sample.dataset, '00100020') === undefined)).toHaveLength(13);
  expect(samples.filter((sample) => !sample.licence.includes('MIT'))).toEqual([]);
});

test('an empty data set is not storable', () => {
  expect(reasonNotStorable({})).toBe(
    'SOPClassUID, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID are missing or invalid',
  );
});
