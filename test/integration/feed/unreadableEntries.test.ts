import type { DicomService, Fault } from '../../../local/dicom/dicomService';
import { useAzurite } from '../../support/azurite';
import { testUid } from '../../support/instances';
import { type FeedRig, numbers, startFeedRig } from './support';

const azurite = useAzurite();
let rig: FeedRig;
beforeEach(async () => {
  rig = await startFeedRig(azurite);
});
afterEach(() => rig.stop());

type Request = Parameters<NonNullable<DicomService['faults']['intercept']>>[0];

/** Answers differently where a window of the feed holds this sequence. */
function spoil(sequence: number, fault: (request: Request) => Fault | Promise<Fault>): void {
  rig.dicom.faults.intercept = (request) => {
    if (request.kind !== 'changeFeed') return undefined;
    const after = Number(request.query.get('offset'));
    const width = Number(request.query.get('limit'));
    return after < sequence && sequence <= after + width ? fault(request) : undefined;
  };
}

/** What the service would answer, with one entry changed. */
async function withEntry(
  request: Request,
  sequence: number,
  change: Readonly<Record<string, unknown>>,
): Promise<Fault> {
  const intercept = rig.dicom.faults.intercept;
  rig.dicom.faults.intercept = undefined;
  const query = new URLSearchParams([...request.query]).toString();
  const answer = await fetch(`${rig.dicom.url}${request.path}?${query}`);
  rig.dicom.faults.intercept = intercept;
  const entries = (await answer.json()) as readonly { readonly sequence: number }[];
  const body = JSON.stringify(entries.map((entry) => (entry.sequence === sequence ? { ...entry, ...change } : entry)));
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}

async function expectFiledAlone(sequence: number, total: number): Promise<void> {
  expect(await rig.unreadable()).toEqual([
    expect.objectContaining({ reason: 'UnreadableEntry', errorType: 'DicomError', sequence: String(sequence) }),
  ]);
  expect(rig.sentSequences()).toEqual(numbers(1, total).filter((other) => other !== sequence));
  expect((await rig.state()).sequence).toBe(total);
}

describe('one entry among good ones that cannot be read', () => {
  it('because the service fails on every page that holds it, is filed, and the rest goes on', async () => {
    rig.storeStudies(1, 130);
    spoil(77, () => ({ status: 500, body: 'The server encountered an internal error' }));
    expect(await rig.pull()).toMatchObject({ stopped: 'caught-up', entries: 129, unreadable: 1, sequence: 130 });
    await expectFiledAlone(77, 130);
  });

  it.each([
    ['its action is none', { action: 'Burn' }],
    ['it has no study', { studyInstanceUid: null }],
    ['a UID is something else', { sopInstanceUid: 'Doe^Jane' }],
  ])('because %s, is filed, and the rest goes on', async (_, change) => {
    rig.storeStudies(3, 40);
    spoil(50, (request) => withEntry(request, 50, change));
    expect(await rig.pull()).toMatchObject({ stopped: 'caught-up', entries: 119, unreadable: 1 });
    await expectFiledAlone(50, 120);
    expect(JSON.stringify(await rig.unreadable())).not.toContain('Doe');
    expect(JSON.stringify(rig.telemetry.records)).not.toContain('Doe');
  });

  it('because it spoils the JSON of its page, is filed, and the rest goes on', async () => {
    rig.storeStudies(1, 40);
    spoil(1, () => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '[{"sequence":1,' }));
    expect(await rig.pull()).toMatchObject({ stopped: 'caught-up', entries: 39, unreadable: 1 });
    await expectFiledAlone(1, 40);
  });

  it('is filed once, however often the round is repeated', async () => {
    rig.storeStudies(1, 3);
    spoil(2, () => ({ status: 500 }));
    const send = rig.queue.send.bind(rig.queue);
    rig.queue.send = () => Promise.reject(new Error('the process is gone'));
    await expect(rig.pull()).rejects.toThrow('the process is gone');
    rig.queue.send = send;
    await rig.pull();
    await expectFiledAlone(2, 3);
    expect((await rig.unreadable())[0]?.failureCount).toBe(2);
  });

  it('is told by an event that names its sequence', async () => {
    rig.storeStudies(2);
    spoil(1, (request) => withEntry(request, 1, { action: 7 }));
    await rig.pull();
    expect(rig.telemetry.records).toContainEqual({
      kind: 'event',
      name: 'feed-entry-unreadable',
      properties: { sequence: 1 },
    });
    expect(rig.messages().map(({ study }) => study.uid)).toEqual([testUid(101)]);
  });
});

describe('an outage of the DICOM service', () => {
  const everything: readonly (readonly [string, Fault])[] = [
    ['500', { status: 500 }],
    ['503', { status: 503 }],
    ['401', { status: 401 }],
    ['a page for people', { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>maintenance</html>' }],
    ['a cut connection', { destroy: 'before' }],
  ];

  it.each(everything)('that answers %s to everything files nothing and moves nothing', async (_, fault) => {
    rig.storeStudies(4);
    rig.dicom.faults.intercept = () => fault;
    await expect(rig.pull()).rejects.toThrow();
    expect(await rig.unreadable()).toEqual([]);
    expect(rig.queue.sent).toHaveLength(0);
    expect((await rig.state()).sequence).toBe(0);

    rig.dicom.faults.intercept = undefined;
    expect(await rig.pull()).toMatchObject({ stopped: 'caught-up', entries: 4, unreadable: 0 });
  });

  it.each([...everything, ['no JSON', { status: 200, body: 'try again later' }] as const])(
    'that answers %s to every window, but says what the latest entry is, files nothing and moves nothing',
    async (_, fault) => {
      rig.storeStudies(2);
      rig.dicom.faults.intercept = ({ kind }) => (kind === 'changeFeed' ? fault : undefined);
      await expect(rig.pull()).rejects.toThrow();
      expect(await rig.unreadable()).toEqual([]);
      expect(rig.queue.sent).toHaveLength(0);
      expect((await rig.state()).sequence).toBe(0);
    },
  );

  it('that begins while an entry is being narrowed down files nothing and moves nothing', async () => {
    rig.storeStudies(1, 20);
    let requests = 0;
    rig.dicom.faults.intercept = () => (++requests > 1 ? { status: 500 } : undefined);
    await expect(rig.pull()).rejects.toThrow();
    expect(await rig.unreadable()).toEqual([]);
    expect((await rig.state()).sequence).toBe(0);
  });
});
