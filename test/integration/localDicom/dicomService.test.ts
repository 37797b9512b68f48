import { useDicomService } from '../../support/dicomService';
import { ctInstance, element, testUid } from '../../support/instances';

const dicom = useDicomService();

async function get(path: string): Promise<Response> {
  return fetch(`${dicom.service.url}${path}`);
}

interface Entry {
  readonly sequence: number;
  readonly action: string;
  readonly state: string;
  readonly metadata?: Record<string, { readonly vr: string; readonly Value?: readonly unknown[] }>;
}

async function feed(): Promise<readonly Entry[]> {
  return (await (await get('/v1/changefeed?limit=100')).json()) as readonly Entry[];
}

test('a stored instance is in the metadata of its study and in the feed', async () => {
  const dataset = ctInstance({ study: testUid(7) });
  dicom.service.store(dataset);
  const metadata: unknown = await (await get(`/v2/studies/${testUid(7)}/metadata`)).json();
  expect(metadata).toEqual([dataset]);
  expect(await feed()).toMatchObject([{ sequence: 1, action: 'Create', state: 'Current', metadata: dataset }]);
});

test('an instance that is stored again after its delete replaces the rows of its earlier life', async () => {
  const { service } = dicom;
  service.store(ctInstance({ study: testUid(8) }));
  service.deleteStudy(testUid(8));
  service.store(ctInstance({ study: testUid(8), '00100010': element('PN', { Alphabetic: 'Second^Life' }) }));
  const rows = await feed();
  expect(rows.map(({ action, state }) => `${action} ${state}`)).toEqual([
    'Create Replaced',
    'Delete Replaced',
    'Create Current',
  ]);
  expect(rows.map((row) => row.metadata?.['00100010']?.Value)).toEqual(Array(3).fill([{ Alphabetic: 'Second^Life' }]));
});
