import {
  MAX_MESSAGE_BYTES,
  readStudyMessage,
  readStudyMessages,
  type StudyChange,
  type StudyMessage,
  tryReadStudyMessages,
  UnreadableMessage,
  writeSharedMessages,
  writeStudyMessages,
} from '../../../src/study/message';

const STUDY = { partition: 'Microsoft.Default', uid: '1.2.3' };
const change = (sequence: number, instance = `1.2.3.4.${sequence}`): StudyChange => ({
  sequence,
  action: 'Create',
  series: '1.2.3.4',
  instance,
});
const TRACE_PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const changes = (count: number): readonly StudyChange[] =>
  Array.from({ length: count }, (_, index) => change(index + 1));
const roundTrip = (message: StudyMessage): readonly StudyMessage[] =>
  writeStudyMessages(message).map((text) => readStudyMessage(JSON.parse(text)));

describe('a study message', () => {
  it('is read as it was written, with everything that it says', () => {
    const message: StudyMessage = {
      study: STUDY,
      changes: changes(3),
      deferred: { since: '2026-01-01T00:00:00.000Z', times: 4 },
      lastTry: true,
      trace: { parent: TRACE_PARENT },
    };
    expect(roundTrip(message)).toEqual([message]);
  });

  it('is read all the same when the place that it comes from is no place', () => {
    for (const trace of [{ parent: 'nonsense' }, { parent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` }, 'text', 7]) {
      expect(readStudyMessage({ study: STUDY, changes: [], trace })).toEqual({ study: STUDY, changes: [] });
    }
  });

  it('without changes means "look at this study"', () => {
    expect(readStudyMessage({ study: STUDY })).toEqual({ study: STUDY, changes: [] });
  });

  it('has no field that would shadow the metadata of the queue trigger', () => {
    const shadowing = [
      'id',
      'popReceipt',
      'dequeueCount',
      'insertionTime',
      'expirationTime',
      'nextVisibleTime',
      'queueTrigger',
    ];
    const [text = ''] = writeStudyMessages({
      study: STUDY,
      changes: changes(2),
      lastTry: true,
      trace: { parent: TRACE_PARENT },
    });
    expect(Object.keys(JSON.parse(text) as object).filter((field) => shadowing.includes(field))).toEqual([]);
  });

  it('of a whole round is one message: its change list is deflated', () => {
    const message = { study: STUDY, changes: changes(1000) };
    const texts = writeStudyMessages(message);
    expect(texts).toHaveLength(1);
    expect(Buffer.byteLength(texts[0] ?? '')).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
    expect(texts[0]).toContain('"deflated"');
    expect(roundTrip(message)).toEqual([message]);
  });

  it('that does not even fit when deflated is split, and no change is lost, repeated or moved', () => {
    let seed = 7;
    const digits = (length: number): string => {
      let text = '';
      while (text.length < length) text += String((seed = (seed * 48_271) % 2_147_483_647));
      return text.slice(0, length);
    };
    const many = Array.from({ length: 4000 }, (_, index) => change(index + 1, `1.2.${digits(58)}`));
    const texts = writeStudyMessages({ study: STUDY, changes: many, lastTry: true });
    expect(texts.length).toBeGreaterThan(1);
    for (const text of texts) {
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
      // Base64 of it fits the 64 KiB of a queue message.
      expect(Buffer.from(text).toString('base64').length).toBeLessThanOrEqual(65_536);
    }
    const read = texts.map((text) => readStudyMessage(JSON.parse(text)));
    expect(read.flatMap((message) => message.changes)).toEqual(many);
    expect(read.every(({ lastTry }) => lastTry === true)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['text', 'PatientName=Doe'],
    ['null', null],
    ['a list', []],
    ['an object without a study', { changes: [] }],
    ['a study without UID', { study: { partition: 'Microsoft.Default', uid: '' } }],
    ['an action that does not exist', { study: STUDY, changes: [{ ...change(1), action: 'Doe' }] }],
    ['a negative sequence', { study: STUDY, changes: [change(-1)] }],
    ['a sequence that is no number', { study: STUDY, changes: [{ ...change(1), sequence: '1' }] }],
    ['deflated changes that are none', { study: STUDY, changes: { deflated: 'Doe' } }],
    ['a message about no study', { studies: [] }],
    ['one study of several without UID', { studies: [{ study: { partition: 'Doe', uid: '' }, changes: [] }] }],
    ['deflated studies that are none', { studies: { deflated: 'Doe' } }],
    ['a time of deferral that is none', { study: STUDY, changes: [], deferred: { since: 'Doe', times: 1 } }],
  ])('that is %s is refused, and the text says what was expected, never what was found', (_, input) => {
    const read = tryReadStudyMessages(input);
    expect(read).toBeInstanceOf(UnreadableMessage);
    expect((read as UnreadableMessage).message).not.toContain('Doe');
  });

  it('that inflates without end is refused', async () => {
    const { deflateRawSync } = await import('node:zlib');
    const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024, ' ')).toString('base64');
    expect(tryReadStudyMessages({ study: STUDY, changes: { deflated: bomb } })).toBeInstanceOf(UnreadableMessage);
  });
});

describe('a message about several studies', () => {
  const of = (uid: string, count: number): StudyMessage => ({
    study: { ...STUDY, uid },
    changes: Array.from({ length: count }, (_, index) => change(index + 1, `${uid}.${index}`)),
  });

  it('is read as it was written, each study with where it comes from', () => {
    const messages = [of('1.1', 2), of('1.2', 1)].map((message) => ({ ...message, trace: { parent: TRACE_PARENT } }));
    expect(readStudyMessages(JSON.parse(writeSharedMessages(messages)[0] ?? ''))).toEqual(messages);
  });

  it('is deflated where it is long, and is several where even that would not fit', () => {
    const messages = Array.from({ length: 5 }, (_, study) => of(`1.${study}`, 100));
    const text = writeSharedMessages(messages)[0] ?? '';
    expect(Buffer.byteLength(text)).toBeLessThan(MAX_MESSAGE_BYTES);
    expect(readStudyMessages(JSON.parse(text))).toEqual(messages);
    const random = (): string => Array.from({ length: 60 }, () => Math.floor(Math.random() * 10)).join('');
    const many = Array.from({ length: 8 }, (_, study) => ({
      study: { ...STUDY, uid: `1.${study}` },
      changes: Array.from({ length: 250 }, (__, index) => change(index, random())),
    }));
    const texts = writeSharedMessages(many);
    expect(texts.length).toBeGreaterThan(1);
    expect(texts.length).toBeLessThan(many.length);
    for (const each of texts) expect(Buffer.byteLength(each)).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
    expect(texts.flatMap((each) => readStudyMessages(JSON.parse(each)))).toEqual(many);
  });

  it('is one message among others: those about one study are read as before', () => {
    expect(readStudyMessages({ study: STUDY, changes: [change(1)] })).toEqual([{ study: STUDY, changes: [change(1)] }]);
  });
});
