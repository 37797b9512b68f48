import * as fc from 'fast-check';
import { type DicomJson, type DicomJsonElement, firstText, withoutBulkData } from '../../../local/dicom/dicomJson';
import { readPart10, UnreadableDicom } from '../../../local/dicom/part10';
import { readSamples } from '../../../local/samples/samples';
import { ctInstance, element } from '../../support/instances';
import { metaEnd, part10Of, rawElement, rawFile, rawItem, TransferSyntax } from '../../support/part10';

const UNDEFINED = 0xffffffff;
const sopInstance = rawElement('00080018', 'UI', '1.2.3.4\0');

test.each(Object.entries(TransferSyntax))('a CT image in %s reads as it was written', (_name, transferSyntax) => {
  expect(readPart10(part10Of(ctInstance(), transferSyntax))).toEqual(ctInstance());
});

test('file meta information and bulk data are left out at any depth', () => {
  const pixels = rawElement('7FE00010', 'OW', Buffer.alloc(8));
  const curve = rawElement('60003000', 'OW', Buffer.alloc(4));
  const item = rawItem(
    'FFFEE000',
    Buffer.concat([rawElement('00080100', 'SH', 'A1'), rawElement('00420011', 'OB', 'PDF.')]),
  );
  const file = rawFile([sopInstance, rawElement('00081032', 'SQ', item), curve, pixels]);
  expect(readPart10(file)).toEqual({
    '00080018': element('UI', '1.2.3.4'),
    '00081032': element('SQ', { '00080100': element('SH', 'A1') }),
  });
});

test('reading stops at the pixel data: what is behind it need not even be there', () => {
  const pixelHeader = rawElement('7FE00010', 'OW', Buffer.alloc(0), { lengthBytes: 500_000_000 });
  expect(readPart10(rawFile([sopInstance, pixelHeader]))).toEqual({ '00080018': element('UI', '1.2.3.4') });
});

test('the pixel data of an icon does not end the file', () => {
  const icon = Buffer.concat([rawElement('7FE00010', 'OW', Buffer.alloc(4)), rawItem('FFFEE00D', Buffer.alloc(0))]);
  const items = Buffer.concat([rawItem('FFFEE000', icon, UNDEFINED), rawItem('FFFEE0DD', Buffer.alloc(0))]);
  const sequence = rawElement('00880200', 'SQ', items, { lengthBytes: UNDEFINED });
  const file = rawFile([sopInstance, sequence, rawElement('20100010', 'ST', 'END1')]);
  expect(readPart10(file)['20100010']).toEqual(element('ST', 'END1'));
});

test('encapsulated fragments before the end are skipped', () => {
  const fragments = Buffer.concat([rawItem('FFFEE000', Buffer.alloc(6)), rawItem('FFFEE0DD', Buffer.alloc(0))]);
  const file = rawFile([
    sopInstance,
    rawElement('00282000', 'OB', fragments, { lengthBytes: UNDEFINED }),
    rawElement('00400244', 'DA', '20240115'),
  ]);
  expect(readPart10(file)['00400244']).toEqual(element('DA', '20240115'));
});

test('sequences and items may end by delimiters, within each other', () => {
  const empty = Buffer.alloc(0);
  const inner = Buffer.concat([
    rawItem('FFFEE000', Buffer.concat([rawElement('00080100', 'SH', 'A1'), rawItem('FFFEE00D', empty)]), UNDEFINED),
    rawItem('FFFEE0DD', empty),
  ]);
  const outer = Buffer.concat([
    rawItem(
      'FFFEE000',
      Buffer.concat([rawElement('00081140', 'SQ', inner, { lengthBytes: UNDEFINED }), rawItem('FFFEE00D', empty)]),
      UNDEFINED,
    ),
    rawItem('FFFEE000', empty),
    rawItem('FFFEE0DD', empty),
  ]);
  const file = rawFile([
    sopInstance,
    rawElement('00081115', 'SQ', outer, { lengthBytes: UNDEFINED }),
    rawElement('00100020', 'LO', 'P1'),
  ]);
  expect(readPart10(file)).toMatchObject({
    '00081115': element('SQ', { '00081140': element('SQ', { '00080100': element('SH', 'A1') }) }, {}),
    '00100020': element('LO', 'P1'),
  });
});

test('a file without preamble, and one without any file meta information, are read', () => {
  const file = part10Of(ctInstance());
  expect(readPart10(file.subarray(128 + 4))).toEqual(ctInstance());
  expect(readPart10(file.subarray(metaEnd(file)))).toEqual(ctInstance());
  const implicit = part10Of(ctInstance(), TransferSyntax.implicitLittle);
  expect(readPart10(implicit.subarray(metaEnd(implicit)))).toEqual(ctInstance());
});

test('big endian numbers and tags are read', () => {
  const bigEndian = { littleEndian: false };
  const file = rawFile(
    [
      rawElement('00080018', 'UI', '1.2.3.4\0', bigEndian),
      rawElement('00280009', 'AT', Buffer.from('00181063', 'hex'), bigEndian),
      rawElement('00280010', 'US', Buffer.from('0200', 'hex'), bigEndian),
    ],
    TransferSyntax.explicitBig,
  );
  expect(readPart10(file)).toMatchObject({ '00280009': element('AT', '00181063'), '00280010': element('US', 512) });
});

test.each<[string, string, Buffer | string, DicomJsonElement]>([
  ['an integer string is a number', 'IS', ' 502 ', element('IS', 502)],
  ['an integer string that is none stays text', 'IS', '1A', element('IS', '1A')],
  ['a decimal string is a number', 'DS', '-1.5E2\\.5', element('DS', -150, 0.5)],
  ['an infinite decimal string stays text', 'DS', '1e999 ', element('DS', '1e999')],
  ['not a number is text', 'FD', Buffer.from('000000000000f87f', 'hex'), element('FD', 'NaN')],
  ['a 64-bit number that JSON cannot hold is text', 'UV', Buffer.alloc(8, 0xff), element('UV', '18446744073709551615')],
  ['a 64-bit number that JSON can hold is a number', 'SV', Buffer.alloc(8, 0xff), element('SV', -1)],
  ['an empty component is null', 'LO', 'A\\\\B ', element('LO', 'A', null, 'B')],
  ['nothing but padding is no value', 'LO', '  ', element('LO')],
  ['no bytes are no value', 'DA', '', element('DA')],
  ['a backslash is part of long text', 'LT', 'C:\\TMP', element('LT', 'C:\\TMP')],
  [
    'a person name has three groups',
    'PN',
    'A^B=C^D=E^F ',
    element('PN', { Alphabetic: 'A^B', Ideographic: 'C^D', Phonetic: 'E^F' }),
  ],
  ['a missing group of a person name is left out', 'PN', '=C^D', element('PN', { Ideographic: 'C^D' })],
])('%s', (_name, vr, value, expected) => {
  expect(readPart10(rawFile([sopInstance, rawElement('00189999', vr, value)]))['00189999']).toEqual(expected);
});

test('an attribute of the dictionary that was written as UN is read as what it is', () => {
  expect(readPart10(rawFile([sopInstance, rawElement('00100020', 'UN', 'P1')]))['00100020']).toEqual(
    element('LO', 'P1'),
  );
});

test('a sequence that was written as UN is in implicit VR, whether its length is stated or not', () => {
  // The length, 0x4242, could be taken for a VR.
  const longText = 'x'.repeat(0x4242);
  const item = rawItem('FFFEE000', Buffer.concat([Buffer.from('400060a142420000', 'hex'), Buffer.from(longText)]));
  const delimited = Buffer.concat([item, rawItem('FFFEE0DD', Buffer.alloc(0))]);
  const file = rawFile([
    sopInstance,
    rawElement('00081032', 'UN', item),
    rawElement('00081110', 'UN', delimited, { lengthBytes: UNDEFINED }),
    rawElement('00111010', 'UN', delimited, { lengthBytes: UNDEFINED }),
    rawElement('00100020', 'LO', 'P1'),
  ]);
  const items = element('SQ', { '0040A160': element('UT', longText) });
  expect(readPart10(file)).toEqual({
    '00080018': element('UI', '1.2.3.4'),
    '00081032': items,
    '00081110': items,
    '00100020': element('LO', 'P1'),
  });
});

test('a private attribute of unknown representation is left out', () => {
  expect(readPart10(rawFile([sopInstance, rawElement('00111010', 'UN', 'P1')]))).not.toHaveProperty('00111010');
});

/** Bytes of the examples in DICOM PS3.5 annexes H, I, J and K. */
test.each([
  ['no character set, UTF-8 all the same', '', '44c3b6', 'Dö'],
  ['no character set, Latin-1 all the same', '', '44f6', 'Dö'],
  ['Latin-1', 'ISO_IR 100', '42756352e9', 'BucRé'],
  ['Greek', 'ISO_IR 126', 'c4e9efedf5f3e9eff2', 'Διονυσιος'],
  ['Cyrillic', 'ISO_IR 144', 'bbeeda', 'Люк'],
  ['UTF-8', 'ISO_IR 192', 'e78e8b', '王'],
  ['GB 18030', 'GB18030', 'cdf55ed0a1b6ab', '王^小东'],
  ['Japanese with two-byte kanji', '\\ISO 2022 IR 87', '59616d6164613d1b24423b3345441b2842', 'Yamada=山田'],
  [
    'Japanese with half-width katakana',
    'ISO 2022 IR 13\\ISO 2022 IR 87',
    'd4cfc0de3d1b24422444242c1b284a',
    'ﾔﾏﾀﾞ=つが',
  ],
  ['Japanese with supplementary kanji', '\\ISO 2022 IR 159', '1b242844602f1b2842', '蹎'],
  ['Korean', '\\ISO 2022 IR 149', '486f6e673d1b242943fbf33d1b242943c8ab', 'Hong=洪=홍'],
  ['a set ends at a delimiter', 'ISO 2022 IR 6\\ISO 2022 IR 126', '1b2d46c43de9', 'Δ=é'],
])('text in %s', (_name, characterSet, hex, text) => {
  const bytes = Buffer.from(hex, 'hex');
  const file = rawFile([rawElement('00080005', 'CS', characterSet), sopInstance, rawElement('00204000', 'LT', bytes)]);
  expect(readPart10(file)['00204000']).toEqual(element('LT', text));
});

test('an item has the character set around it unless it names its own', () => {
  const greek = Buffer.from('c4', 'hex');
  const own = rawItem(
    'FFFEE000',
    Buffer.concat([rawElement('00080005', 'CS', 'ISO_IR 100'), rawElement('00080104', 'LO', greek)]),
  );
  const inherited = rawItem('FFFEE000', rawElement('00080104', 'LO', greek));
  const file = rawFile([
    rawElement('00080005', 'CS', 'ISO_IR 126'),
    sopInstance,
    rawElement('00081032', 'SQ', Buffer.concat([own, inherited])),
  ]);
  const items = readPart10(file)['00081032']?.Value as readonly DicomJson[];
  expect(items.map((item) => firstText(item, '00080104'))).toEqual(['Ä', 'Δ']);
});

const samples = readSamples().studies.flatMap((study) => study.samples);

test.each(['explicitLittle', 'implicitLittle'] as const)(
  'every sample reads as it was when another library wrote it in %s',
  (name) => {
    for (const { source, dataset } of samples) {
      const written = writable(dataset, name === 'implicitLittle');
      expect({ source, dataset: canonical(readPart10(part10Of(written, TransferSyntax[name]))) }).toEqual({
        source,
        dataset: canonical(written),
      });
    }
  },
);

test('whatever is cut off or changed, a file is read or refused, never waited for', () => {
  const file = part10Of(ctInstance({ '00081032': element('SQ', ctInstance()) }));
  const damaged = fc.record({
    length: fc.integer({ min: 0, max: file.length }),
    changes: fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 8 }),
  });
  fc.assert(
    fc.property(damaged, ({ length, changes }) => {
      const bytes = Buffer.from(file);
      for (const [index, value] of changes) bytes[index] = value;
      try {
        readPart10(bytes.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(UnreadableDicom);
      }
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['no bytes', Buffer.alloc(0), 'it is not a DICOM file'],
  ['text', Buffer.from('Dear reader, this is a letter.'), 'it is not a DICOM file'],
  [
    'a value that is cut off',
    rawFile([rawElement('00100020', 'LO', 'SECRET', { lengthBytes: 99 })]),
    'it ends within (0010,0020)',
  ],
])('%s is refused with a reason that names no value', (_name, bytes, reason) => {
  expect(() => readPart10(bytes)).toThrow(new UnreadableDicom(reason));
});

/** What the writer can write: UTF-8 only, and no private VRs when the VR is not written. */
function writable(dataset: DicomJson, implicit: boolean): DicomJson {
  const kept = Object.entries(withoutBulkData(dataset)).filter(
    ([tag]) => !implicit || !(isPrivate(tag) || tag === LUT_DATA),
  );
  return Object.fromEntries(
    kept.map(([tag, one]) => {
      if (tag === '00080005') return [tag, element('CS', 'ISO_IR 192')];
      if (one.vr === 'SQ')
        return [
          tag,
          {
            ...one,
            Value: ((one.Value as readonly DicomJson[] | undefined) ?? []).map((item) => writable(item, implicit)),
          },
        ];
      return [tag, one];
    }),
  );
}

/** US or OW, which the dictionary cannot tell apart. */
const LUT_DATA = '00283006';

function isPrivate(tag: string): boolean {
  return Number.parseInt(tag.slice(0, 4), 16) % 2 === 1;
}

/** The two encoders write an empty component, a negative zero, padding and absence differently. */
function canonical(dataset: DicomJson): unknown {
  return Object.fromEntries(
    Object.entries(dataset).map(([tag, { vr, Value = [] }]) => {
      const values = Value.map((value) => (vr === 'SQ' ? canonical(value as DicomJson) : canonicalValue(value)));
      return [tag, { vr, Value: values.every((value) => value === null) ? [] : values }];
    }),
  );
}

function canonicalValue(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/[\0 ]+$/, '') || null;
  if (typeof value !== 'object' || value === null) return value === 0 ? 0 : value;
  return Object.fromEntries(Object.entries(value).map(([group, name]) => [group, canonicalValue(name)]));
}
