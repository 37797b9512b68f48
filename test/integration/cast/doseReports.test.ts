import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Observation } from 'fhir/r4';
import type { DicomJson } from '../../../local/dicom/dicomJson';
import type { Cast } from '../../../src/cast';
import { useAzurite } from '../../support/azurite';
import { CastRig } from '../../support/castRig';
import { ctInstance, element, testUid } from '../../support/instances';

const PARTITION = 'Microsoft.Default';
/** Three cumulative reports of one study: each lists the events of those before it and one more. */
const STUDY = testUid(91);
const reports = readFileSync(resolve(__dirname, '../../fixtures/dose-reports/dose-reports.ndjson'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { readonly name: string; readonly dicom: DicomJson });
const report = (name: string): DicomJson => {
  const found = reports.find((each) => each.name === name);
  if (found === undefined) throw new Error(`There is no fixture ${name}`);
  return found.dicom;
};
const cumulative = [1, 2, 3].map((number) => report(`ct-cumulative-${number}`));
const text = (dicom: DicomJson | undefined, tag: string): string => String(dicom?.[tag]?.Value?.[0]);

/** Dose reports from the DICOM service to the FHIR server and back out of it. */
describe('dose reports', () => {
  const azurite = useAzurite();
  let rig: CastRig;

  beforeEach(async () => {
    rig = await CastRig.start(azurite);
  });

  afterEach(async () => {
    expect(await rig.failures()).toEqual([]);
    await rig.stop();
  });

  const observations = (): readonly Observation[] => rig.fhir.all<Observation>('Observation');
  const versions = (): readonly string[] => observations().map(({ id, meta }) => `${id} ${meta?.versionId}`);
  const ofReport = (dicom: DicomJson | undefined): readonly Observation[] =>
    observations().filter(({ identifier = [] }) =>
      identifier.some(({ value }) => value === `urn:oid:${text(dicom, '00080018')}`),
    );
  const lookAgain = async (uid: string, cast: Cast = rig.cast): Promise<void> => {
    await rig.queue.send({ study: { partition: PARTITION, uid }, changes: [] }, {});
    await rig.drain(cast);
  };
  const deleteReport = async (dicom: DicomJson | undefined): Promise<void> => {
    rig.dicom.deleteInstance(STUDY, text(dicom, '0020000E'), text(dicom, '00080018'));
    await rig.settle();
  };

  it('give the same Observations however often and in whatever order they come', async () => {
    for (const dicom of [...cumulative].reverse()) {
      rig.dicom.store(dicom);
      await rig.settle();
    }
    expect(observations()).toHaveLength(6);
    const before = versions();
    for (let replay = 1; replay <= 3; replay++) {
      const changes = cumulative.map((dicom, index) => ({
        sequence: index + 1,
        action: 'Create' as const,
        series: text(dicom, '0020000E'),
        instance: text(dicom, '00080018'),
      }));
      await rig.queue.send({ study: { partition: PARTITION, uid: STUDY }, changes }, {});
      await rig.drain();
      await lookAgain(STUDY);
    }
    expect(versions()).toEqual(before);
  });

  it('that are deleted take along what came from them alone, and nothing of others', async () => {
    rig.dicom.store([...cumulative, ctInstance({ study: STUDY, series: `${STUDY}.7`, patientId: 'DOSE-91' })]);
    await rig.settle();
    const [, , largest] = cumulative;
    const sop = { system: 'urn:dicom:uid', value: `urn:oid:${text(largest, '00080018')}` };
    const study = { system: 'urn:dicom:uid', value: `urn:oid:${STUDY}` };
    const theirs = rig.fhir.put<Observation>({
      resourceType: 'Observation',
      status: 'final',
      code: { text: 'read by somebody' },
      identifier: [sop, study],
    });
    const before = versions();

    rig.dicom.deleteInstance(STUDY, `${STUDY}.7`, `${STUDY}.7.1`);
    await rig.settle();
    expect(versions()).toEqual(before);

    const staying = ofReport(cumulative[0]).map(({ id }) => id);
    await deleteReport(largest);
    expect(observations()).toHaveLength(5);
    expect(ofReport(largest).map(({ id }) => id)).toEqual([theirs.id]);
    expect(ofReport(cumulative[0]).map(({ id }) => id)).toEqual(staying);

    rig.dicom.deleteStudy(STUDY);
    await rig.settle();
    expect(observations().map(({ id }) => id)).toEqual([theirs.id]);
  });

  it('of two studies that list the same event do not take it from each other', async () => {
    const other = testUid(9191);
    const copy = JSON.parse(
      JSON.stringify(cumulative[0])
        .replaceAll(`"${STUDY}"`, `"${other}"`)
        .replaceAll(`"${text(cumulative[0], '00080018')}"`, `"${other}.1.1"`)
        .replaceAll(`"${text(cumulative[0], '0020000E')}"`, `"${other}.1"`),
    ) as DicomJson;
    rig.dicom.store([cumulative[0]!, copy]);
    await rig.settle();
    expect(observations()).toHaveLength(4);
    const before = versions();
    for (const uid of [STUDY, other, STUDY]) await lookAgain(uid);
    expect(versions()).toEqual(before);
    rig.dicom.deleteStudy(other);
    await rig.settle();
    expect(observations()).toHaveLength(2);
  });

  it('that are something else give nothing, and no failure', async () => {
    const sr = { '00080016': element('UI', '1.2.840.10008.5.1.4.1.1.88.33'), '00080060': element('CS', 'SR') } as const;
    rig.dicom.store([
      report('sr-diagnostic'),
      report('rf-private-title'),
      ctInstance({ study: testUid(5), ...sr, '0040A730': element('SQ') }),
      ctInstance({ study: testUid(6), ...sr, '0040A730': { vr: 'UT', Value: ['odd'] } }),
    ]);
    await rig.settle();
    expect(observations()).toEqual([]);
    expect(rig.fhir.counts).toMatchObject({ ImagingStudy: 3 });
  });

  it.each([
    ['summary', 3],
    ['off', 0],
  ] as const)('are what OBSERVATIONS=%s says, also of what was written before', async (setting, left) => {
    rig.dicom.store(cumulative);
    await rig.settle();
    expect(observations()).toHaveLength(6);
    const changed = rig.createCast(rig.createClients(), {}, { OBSERVATIONS: setting });
    await lookAgain(STUDY, changed);
    expect(observations()).toHaveLength(left);
  });
});
