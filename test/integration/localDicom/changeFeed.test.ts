import { type DicomServiceOptions, startDicomService } from '../../../local/dicom/dicomService';
import type { DicomService } from '../../../local/dicom/dicomService';
import { useDicomService } from '../../support/dicomService';
import { ctInstance, element, testUid } from '../../support/instances';
import { part10Of, rawElement, rawFile } from '../../support/part10';

const dicom = useDicomService();
const STUDY = testUid(1);
const INSTANCE = { studyUid: STUDY, seriesUid: `${STUDY}.1`, instanceUid: `${STUDY}.1.1` };

interface Entry {
  readonly sequence: number;
  readonly partitionName: string;
  readonly studyInstanceUid: string;
  readonly timestamp: string;
  readonly action: string;
  readonly state: string;
  readonly metadata?: Readonly<Record<string, { readonly vr: string; readonly Value?: readonly unknown[] }>>;
}

async function get(path: string, service: DicomService = dicom.service): Promise<Response> {
  return fetch(service.url + path);
}

async function feed(query = 'limit=100', version = 'v1'): Promise<readonly Entry[]> {
  const response = await get(`/${version}/changefeed?${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as readonly Entry[];
}

async function sequences(query: string, version = 'v1'): Promise<readonly number[]> {
  return (await feed(query, version)).map((entry) => entry.sequence);
}

async function states(): Promise<readonly string[]> {
  return (await feed()).map(({ action, state }) => `${action} ${state}`);
}

function instances(count: number): ReturnType<typeof ctInstance>[] {
  return Array.from({ length: count }, (_value, index) =>
    ctInstance({ study: STUDY, instance: `${STUDY}.1.${index + 1}` }),
  );
}

async function withService(options: DicomServiceOptions, use: (service: DicomService) => Promise<void>): Promise<void> {
  const service = await startDicomService(options);
  try {
    await use(service);
  } finally {
    await service.stop();
  }
}

describe('routes', () => {
  test.each(['v1', 'v2', 'v1.0-prerelease'])(
    'version %s answers and tells which versions there are',
    async (version) => {
      dicom.service.store(ctInstance());
      const response = await get(`/${version}/changefeed`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toMatch(/^application\/json/);
      expect(response.headers.get('api-supported-versions')).toBe('1.0-prerelease, 1, 2');
    },
  );

  test.each([
    '/changefeed',
    '/v3/changefeed',
    '/v1/partitions/A/changefeed',
    '/v1/partitions/A/changefeed/latest',
    '/v1/nothing',
  ])('%s does not exist', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  test('one feed holds the changes of all partitions, each with the name of its own', async () => {
    dicom.service.store(ctInstance());
    dicom.service.store(ctInstance(), 'Clinic-A');
    expect((await feed()).map((entry) => entry.partitionName)).toEqual(['Microsoft.Default', 'Clinic-A']);
  });
});

describe('version 1 reads windows of sequence numbers', () => {
  test('the limit is the width of the window after the offset, not a number of rows', async () => {
    dicom.service.store(instances(3));
    dicom.service.skipSequences(10);
    dicom.service.store(ctInstance({ study: testUid(2) }));
    expect(await sequences('offset=1&limit=5')).toEqual([2, 3]);
    expect(await sequences('offset=3&limit=10')).toEqual([]);
    expect(await sequences('offset=3&limit=11')).toEqual([14]);
    expect(await sequences('offset=13&limit=1')).toEqual([14]);
  });

  test('without parameters a window is 10 wide from the beginning and carries metadata', async () => {
    dicom.service.store(instances(12));
    const entries = await feed('');
    expect(entries.map((entry) => entry.sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(entries[0]?.metadata).toEqual(ctInstance());
  });

  test('a window is at most 100 wide', async () => {
    dicom.service.store(instances(101));
    expect(await sequences('limit=100')).toHaveLength(100);
    expect((await get('/v1/changefeed?limit=101')).status).toBe(400);
  });

  test('names of parameters are read in any case', async () => {
    dicom.service.store(instances(3));
    const entries = await feed('OFFSET=1&Limit=1&includemetadata=False');
    expect(entries.map((entry) => entry.sequence)).toEqual([2]);
    expect(entries[0]).not.toHaveProperty('metadata');
  });

  test('the highest possible offset is an empty page', async () => {
    dicom.service.store(ctInstance());
    expect(await sequences('offset=9223372036854775807')).toEqual([]);
  });

  test('gaps on demand leave numbers out before every row', async () => {
    await withService({ gaps: (last) => (last === 0 ? 0 : 2) }, async (service) => {
      service.store(instances(3));
      const entries = (await (await get('/v1/changefeed?limit=100', service)).json()) as readonly Entry[];
      expect(entries.map((entry) => entry.sequence)).toEqual([1, 4, 7]);
      expect(service.latestSequence).toBe(7);
    });
  });
});

describe('version 2 reads spans of time', () => {
  const clock = { now: 0 };
  const start = Date.parse('2024-01-15T10:00:00Z');

  async function withOnePerMinute(
    use: (read: (query: string) => Promise<readonly number[]>) => Promise<void>,
  ): Promise<void> {
    await withService({ now: () => clock.now }, async (service) => {
      for (const [index, instance] of instances(5).entries()) {
        clock.now = start + index * 60_000;
        service.store(instance);
      }
      await use(async (query) => {
        const entries = (await (await get(`/v2/changefeed?${query}`, service)).json()) as readonly Entry[];
        return entries.map((entry) => entry.sequence);
      });
    });
  }

  test('the start is in the span, the end is not', async () => {
    await withOnePerMinute(async (read) => {
      expect(await read('startTime=2024-01-15T10:01:00Z&endtime=2024-01-15T10:03:00Z')).toEqual([2, 3]);
      expect(await read('startTime=2024-01-15T12:03:00%2B02:00')).toEqual([4, 5]);
    });
  });

  test('offset and limit count rows, up to 200, 100 unless told', async () => {
    await withOnePerMinute(async (read) => {
      expect(await read('offset=3&limit=200')).toEqual([4, 5]);
      expect(await read('limit=2')).toEqual([1, 2]);
    });
    dicom.service.store(instances(101));
    expect(await sequences('', 'v2')).toHaveLength(100);
  });

  test.each([
    ['limit=201', 'limit must be between 1 and 200'],
    ['startTime=yesterday', 'not a valid date'],
    ['startTime=2024-01-15T10:00:00', 'must specify a time zone'],
    ['startTime=2024-01-15T10:00:00Z&endTime=2024-01-15T10:00:00Z', 'must occur strictly before'],
  ])('%s is refused', async (query, text) => {
    const response = await get(`/v2/changefeed?${query}`);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(text);
  });
});

describe('the latest change', () => {
  test.each(['v1', 'v2', 'v1.0-prerelease'])('of an empty feed is 204 without a body (%s)', async (version) => {
    const response = await get(`/${version}/changefeed/latest`);
    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');
  });

  test('is the row of the highest sequence, with metadata unless told otherwise', async () => {
    dicom.service.store(instances(3));
    expect(await (await get('/v1/changefeed/latest')).json()).toMatchObject({ sequence: 3, metadata: instances(3)[2] });
    const bare: unknown = await (await get('/v1/changefeed/latest?includeMetadata=false')).json();
    expect(bare).toMatchObject({ sequence: 3 });
    expect(bare).not.toHaveProperty('metadata');
    expect(dicom.service.latestSequence).toBe(3);
  });

  test('refuses what is no boolean', async () => {
    expect((await get('/v1/changefeed/latest?includeMetadata=1')).status).toBe(400);
  });
});

describe('an entry', () => {
  test('has names in camel case, values in Pascal case and leaves out what it has not', async () => {
    dicom.service.store(ctInstance());
    dicom.service.deleteStudy(STUDY);
    const [entry] = await feed();
    expect(entry).toEqual({
      sequence: 1,
      partitionName: 'Microsoft.Default',
      studyInstanceUid: STUDY,
      seriesInstanceUid: INSTANCE.seriesUid,
      sopInstanceUid: INSTANCE.instanceUid,
      action: 'Create',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00$/) as string,
      state: 'Deleted',
    });
  });

  test('has the documented names instead where that is asked for', async () => {
    await withService({ pascalCase: true }, async (service) => {
      service.store(ctInstance());
      const entries: unknown = await (await get('/v1/changefeed', service)).json();
      expect(entries).toMatchObject([
        {
          Sequence: 1,
          PartitionName: 'Microsoft.Default',
          SopInstanceUid: INSTANCE.instanceUid,
          Action: 'create',
          State: 'current',
          Metadata: ctInstance(),
        },
      ]);
    });
  });
});

describe('state and metadata are those of the instance now', () => {
  const name = (alphabetic: string): { '00100010': ReturnType<typeof element> } => ({
    '00100010': element('PN', { Alphabetic: alphabetic }),
  });

  async function names(): Promise<readonly unknown[]> {
    return (await feed()).map((entry) => entry.metadata?.['00100010']?.Value?.[0]);
  }

  test('a stored instance is current', async () => {
    dicom.service.store(ctInstance());
    expect(await states()).toEqual(['Create Current']);
  });

  test('a delete turns all rows of the instance to deleted and takes their metadata', async () => {
    dicom.service.store(ctInstance());
    dicom.service.deleteInstance(INSTANCE.studyUid, INSTANCE.seriesUid, INSTANCE.instanceUid);
    expect(await states()).toEqual(['Create Deleted', 'Delete Deleted']);
    expect(await names()).toEqual([undefined, undefined]);
  });

  test.each([
    ['a series', (service: DicomService) => service.deleteSeries(STUDY, `${STUDY}.1`)],
    ['a study', (service: DicomService) => service.deleteStudy(STUDY)],
  ])('the delete of %s writes one row per instance', async (_name, remove) => {
    dicom.service.store(instances(3));
    expect(remove(dicom.service)).toBe(3);
    expect((await states()).slice(3)).toEqual(['Delete Deleted', 'Delete Deleted', 'Delete Deleted']);
  });

  test('a bulk update writes one row per instance of the study; older rows are replaced and carry the new metadata', async () => {
    dicom.service.store(instances(2));
    dicom.service.store(ctInstance({ study: testUid(2) }));
    expect(dicom.service.update(STUDY, name('New^Name'))).toBe(2);
    expect(await states()).toEqual([
      ...['Create Replaced', 'Create Replaced', 'Create Current'],
      ...['Update Current', 'Update Current'],
    ]);
    const [changed, other] = [{ Alphabetic: 'New^Name' }, { Alphabetic: 'Doe^Jane' }];
    expect(await names()).toEqual([changed, changed, other, changed, changed]);
  });

  test('a second bulk update replaces the first', async () => {
    dicom.service.store(ctInstance());
    dicom.service.update(STUDY, name('First'));
    dicom.service.update(STUDY, name('Second'));
    expect(await states()).toEqual(['Create Replaced', 'Update Replaced', 'Update Current']);
  });

  test('a delete after a bulk update turns the update row to deleted too', async () => {
    dicom.service.store(ctInstance());
    dicom.service.update(STUDY, name('First'));
    dicom.service.deleteStudy(STUDY);
    expect(await states()).toEqual(['Create Deleted', 'Update Deleted', 'Delete Deleted']);
  });

  test('when an instance comes back, its old rows, even the delete, are replaced and carry the new metadata', async () => {
    dicom.service.store(ctInstance());
    dicom.service.deleteStudy(STUDY);
    dicom.service.store(ctInstance(name('Second^Life')));
    expect(await states()).toEqual(['Create Replaced', 'Delete Replaced', 'Create Current']);
    expect(await names()).toEqual(Array(3).fill({ Alphabetic: 'Second^Life' }));
  });

  test('the same UIDs in another partition are another instance', async () => {
    dicom.service.store(ctInstance());
    dicom.service.store(ctInstance(), 'Clinic-A');
    dicom.service.deleteStudy(STUDY, 'Clinic-A');
    expect(await states()).toEqual(['Create Current', 'Create Deleted', 'Delete Deleted']);
  });

  test('an instance that could not be stored leaves no row', async () => {
    dicom.service.offer([ctInstance({ '0020000E': undefined }), ctInstance(), ctInstance()]);
    expect(await states()).toEqual(['Create Current']);
  });

  test('metadata has no bulk data at any depth and no file meta information', async () => {
    const bulk = Object.fromEntries(
      ['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'UN'].map((vr, index) => [`0042001${index}`, { vr, InlineBinary: 'AAAA' }]),
    );
    const item = { '00080100': element('SH', 'A1') };
    const dataset = {
      ...ctInstance(),
      ...bulk,
      '00020010': element('UI', '1.2'),
      '00081032': element('SQ', { ...item, ...bulk }),
    };
    dicom.service.store(dataset);
    expect((await feed())[0]?.metadata).toEqual({ ...ctInstance(), '00081032': element('SQ', item) });
  });

  test('numbers in text are JSON numbers where they can be, else text; NaN is text', async () => {
    const uids = ['00080016', '00080018', '0020000D', '0020000E'].map((tag) => rawElement(tag, 'UI', '1.2.3\0'));
    const numbers = [
      rawElement('00200011', 'IS', '502 '),
      rawElement('00200013', 'IS', '1A'),
      rawElement('00281050', 'DS', '1.50\\x '),
    ];
    dicom.service.storePart10(
      rawFile([...uids, ...numbers, rawElement('00189074', 'FD', Buffer.from('000000000000f87f', 'hex'))]),
    );
    expect((await feed())[0]?.metadata).toMatchObject({
      '00200011': element('IS', 502),
      '00200013': element('IS', '1A'),
      '00281050': element('DS', 1.5, 'x'),
      '00189074': element('FD', 'NaN'),
    });
  });

  test('NUL padding inside a value of DICOM JSON is kept', async () => {
    dicom.service.store(ctInstance({ '00080050': element('SH', 'A1\0') }));
    expect((await feed())[0]?.metadata?.['00080050']).toEqual(element('SH', 'A1\0'));
  });

  test('a DICOM file and the same as DICOM JSON give the same metadata', async () => {
    dicom.service.storePart10(part10Of(ctInstance()));
    expect((await feed())[0]?.metadata).toEqual(ctInstance());
  });
});

describe('errors', () => {
  test.each([
    ['limit=0', 'limit must be between 1 and 100'],
    ['limit=-1', 'limit must be between 1 and 100'],
    ['limit=ten', 'limit must be between 1 and 100'],
    ['limit=', 'limit must be between 1 and 100'],
    ['offset=-1', 'offset cannot be negative'],
    ['offset=1.5', 'not a valid number'],
    ['offset=9223372036854775808', 'not a valid number'],
    ['includeMetadata=0', "expected 'true' or 'false'"],
    ['includeMetadata=true-ish', "expected 'true' or 'false'"],
    ['includeMetadata=', "expected 'true' or 'false'"],
  ])('%s is a 400 with text', async (query, text) => {
    const response = await get(`/v1/changefeed?${query}`);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await response.text()).toContain(text);
  });

  test('lost metadata of one entry fails the whole page, but only where metadata is asked for', async () => {
    dicom.service.store(instances(3));
    dicom.service.loseMetadata({ ...INSTANCE, instanceUid: `${STUDY}.1.2` });
    expect((await get('/v1/changefeed')).status).toBe(500);
    expect((await get('/v1/changefeed?offset=2')).status).toBe(200);
    expect(await sequences('includeMetadata=false')).toEqual([1, 2, 3]);
    expect((await get(`/v2/studies/${STUDY}/metadata`)).status).toBe(500);
    dicom.service.loseMetadata({ ...INSTANCE, instanceUid: `${STUDY}.1.2` }, undefined, false);
    expect(await sequences('')).toEqual([1, 2, 3]);
  });

  test.each([401, 403, 424, 503])('a %d can be scripted', async (status) => {
    dicom.service.faults.intercept = ({ kind }) =>
      kind === 'changeFeed' ? { status, headers: { 'retry-after': '3' }, body: 'not now' } : undefined;
    const response = await get('/v1/changefeed');
    expect([response.status, response.headers.get('retry-after'), await response.text()]).toEqual([
      status,
      '3',
      'not now',
    ]);
    expect((await get('/v1/changefeed/latest')).status).toBe(204);
  });
});
