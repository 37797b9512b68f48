import { inflateRawSync } from 'node:zlib';
import { useAzurite } from '../../support/azurite';
import { CastRig } from '../../support/castRig';
import { ctInstance, element, testUid } from '../../support/instances';

/** Names, ids, birth dates and accession numbers that go in, and every spelling in which they must not come out. */
const PATIENTS = [
  { id: 'MRN-7741963', name: 'Featherstonehaugh^Wilhelmina^Q', birth: '19371123', accession: 'ACC-558201' },
  { id: '004711-88', name: 'Ørsted-Nåhld^Bjørk', birth: '20010704', accession: 'ZK 9912/7' },
  { id: 'X|Y,Z$77193', name: '山田^太郎', birth: '19550228', accession: 'ACC|77,1' },
];

const FORBIDDEN = PATIENTS.flatMap(({ id, name, birth, accession }) => {
  const iso = `${birth.slice(0, 4)}-${birth.slice(4, 6)}-${birth.slice(6)}`;
  const parts = name.split('^').filter((part) => part.length > 1);
  return [id, accession, birth, iso, ...parts].flatMap((text) => [text, encodeURIComponent(text)]);
});

describe('what leaves the process besides FHIR', () => {
  const azurite = useAzurite();
  let rig: CastRig;

  afterEach(async () => {
    await rig.stop();
  });

  /** A server that repeats what it was sent, in spellings of its own, as servers do. */
  const talkative =
    (status: number) => (request: { readonly kind: string; readonly body: string; readonly path: string }) => {
      if (request.kind !== 'transaction') return undefined;
      const patient =
        PATIENTS.find(({ accession }) => request.body.includes(JSON.stringify(accession))) ?? PATIENTS[0]!;
      const { id, name, birth, accession } = patient;
      const iso = `${birth.slice(0, 4)}-${birth.slice(4, 6)}-${birth.slice(6)}`;
      const said = `${id} ${name} ${name.split('^').reverse().join(' ')} ${name.toUpperCase()} ${birth} ${iso} ${accession}`;
      const diagnostics = `Cannot store ${said} for Patient?identifier=urn:x|${encodeURIComponent(id)} ${request.body.slice(0, 3000)}`;
      return {
        status,
        headers: { 'content-type': 'application/fhir+json' },
        body: JSON.stringify({
          resourceType: 'OperationOutcome',
          issue: [{ severity: 'error', code: 'invalid', diagnostics, details: { text: said } }],
        }),
      };
    };

  it('holds no name, id, birth date or accession number, whatever fails and whatever servers say', async () => {
    rig = await CastRig.start(azurite, { settings: { MAX_ATTEMPTS: '2', BACK_OFF_BASE_SECONDS: '1' } });
    let serial = 0;
    const storeAll = (overrides: Parameters<typeof ctInstance>[0] = {}): void => {
      for (const { id, name, birth, accession } of PATIENTS) {
        const study = testUid(900, ++serial);
        rig.dicom.store(
          ctInstance({
            study,
            patientId: id,
            '00100010': element('PN', { Alphabetic: name }),
            '00100030': element('DA', birth),
            '00080050': element('SH', accession),
            ...overrides,
          }),
        );
      }
    };
    const drive = async (): Promise<void> => {
      await rig.pull();
      for (let delivery = 0; delivery < 60 && rig.queue.length > 0; delivery++) {
        const [message] = rig.queue.visible();
        if (message !== undefined) await rig.deliver(message);
        else rig.advance(60_000);
      }
    };
    for (const status of [400, 412, 422, 500, 503]) {
      rig.fhir.intercept = talkative(status);
      storeAll();
      await drive();
    }
    rig.fhir.intercept = undefined;
    storeAll({ '00100020': element('LO') });
    storeAll({ '00100030': element('DA', '19371199'), '00100040': element('CS', 'Wilhelmina') });
    rig.dicom.faults.intercept = ({ path }) =>
      path.includes('metadata')
        ? { status: 200, body: `[{"00100010": ${JSON.stringify(PATIENTS[0])}, "broken` }
        : undefined;
    storeAll();
    await drive();
    rig.dicom.faults.intercept = undefined;
    const [failed] = await rig.failures();
    expect(failed).toBeDefined();

    const rows: unknown[] = [];
    for (const table of [rig.clients.failedEntriesTable, rig.clients.warningsTable, rig.clients.syncStateTable]) {
      for await (const row of table.listEntities()) rows.push(row);
    }
    const messages = [...rig.queue.sent, ...rig.poisoned].map(readable);
    const outputs = { rows, messages, telemetry: rig.telemetry.records, notifications: rig.notifications };
    expect(rows.length).toBeGreaterThan(10);
    expect(rig.notifications.length).toBeGreaterThan(5);
    expect(rig.telemetry.records.length).toBeGreaterThan(50);
    for (const [name, output] of Object.entries(outputs)) {
      const text = JSON.stringify(output).toLowerCase();
      const leaked = FORBIDDEN.filter((secret) => text.includes(JSON.stringify(secret).slice(1, -1).toLowerCase()));
      expect({ name, leaked }).toEqual({ name, leaked: [] });
    }
  });

  it('holds nothing of a Patient record that differs from DICOM, of nested items, nor of a study that is gone', async () => {
    rig = await CastRig.start(azurite);
    const study = testUid(901);
    const nested = 'ORDER-663102';
    rig.dicom.store(
      ctInstance({
        study,
        patientId: 'MRN-1',
        '00400275': element('SQ', {
          '00080050': element('SH', nested),
          '00321032': element('PN', { Alphabetic: 'Okonkwo^Adaeze' }),
        }),
      }),
    );
    rig.fhir.put({
      resourceType: 'Patient',
      identifier: [
        { system: 'urn:oid:1.2.3.4', value: 'MRN-1' },
        { system: 'urn:x', value: 'SSN-99-1234' },
      ],
      name: [{ family: 'Vanderbilt', given: ['Cornelia'], text: 'Mrs Cornelia Vanderbilt-Cecil' }],
      birthDate: '1900-08-22',
      address: [{ line: ['1 Biltmore Way'], city: 'Asheville' }],
    });
    const forbidden = [
      'Okonkwo',
      'Adaeze',
      nested,
      'SSN-99-1234',
      'Vanderbilt',
      'Cornelia',
      'Cecil',
      '1900',
      'Biltmore',
    ];
    const said = `${forbidden.join(' ')} 1900-08-22 MRN-1 Doe Jane 19800229`;
    const refuse = (): void => {
      rig.fhir.intercept = ({ kind }) =>
        kind === 'transaction'
          ? {
              status: 422,
              body: { resourceType: 'OperationOutcome', issue: [{ code: 'invalid', diagnostics: `Told: ${said}` }] },
            }
          : undefined;
    };
    refuse();
    await rig.pull();
    await rig.drain();
    const [created] = await rig.failures();
    expect(created?.message).toMatch(/Told: .*\[redacted\]/);
    rig.fhir.intercept = undefined;
    await rig.queue.send({ study: { partition: 'Microsoft.Default', uid: study }, changes: [] }, {});
    await rig.drain();
    expect(rig.fhir.counts.ImagingStudy).toBe(1);
    refuse();
    rig.dicom.deleteStudy(study);
    await rig.pull();
    await rig.drain();
    const [deleted] = await rig.failures();
    expect(deleted).toMatchObject({ action: 'Delete', httpStatus: 422 });
    const told = JSON.stringify([created, deleted, rig.telemetry.records, rig.notifications]);
    expect([...forbidden, 'MRN-1', 'Doe', 'Jane', '19800229'].filter((secret) => told.includes(secret))).toEqual([]);
  });

  /** The change list of a long message is deflated. */
  function readable(text: string): unknown {
    const message = JSON.parse(text) as Record<'changes' | 'studies', { readonly deflated?: string } | undefined>;
    const deflated = message.changes?.deflated ?? message.studies?.deflated;
    if (deflated === undefined) return message;
    return [message, inflateRawSync(Buffer.from(deflated, 'base64')).toString('utf8')];
  }
});
