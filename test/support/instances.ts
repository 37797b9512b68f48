import { DEFAULT_PARTITION } from '../../src/dicom/studyKey';
import { shardOf } from '../../src/failures/tableKeys';
import type { DicomJson, DicomJsonElement } from '../../local/dicom/dicomJson';

/** Root of all UIDs that tests make. */
const TEST_UID_ROOT = '1.2.826.0.1.3680043.10.1338';

/** @returns a UID below the root of the tests: `testUid(1, 2)` ends in `.1.2` */
export function testUid(...parts: readonly number[]): string {
  return [TEST_UID_ROOT, ...parts].join('.');
}

/** Study UIDs whose studies share messages and marks: all of one shard of the FailedEntries table. */
export function uidsOfOneShard(count: number, partition = DEFAULT_PARTITION): readonly string[] {
  const shard = shardOf({ partition, uid: testUid(1) });
  const uids: string[] = [];
  for (let number = 1; uids.length < count; number++)
    if (shardOf({ partition, uid: testUid(number) }) === shard) uids.push(testUid(number));
  return uids;
}

/** @returns an element of a DICOM JSON data set; without values it is empty */
export function element(vr: string, ...values: readonly unknown[]): DicomJsonElement {
  return values.length === 0 ? { vr } : { vr, Value: values };
}

/** @returns a code item: (code, scheme, meaning) */
export function codeItem(code: string, scheme: string, meaning: string): DicomJson {
  return { '00080100': element('SH', code), '00080102': element('SH', scheme), '00080104': element('LO', meaning) };
}

/** Elements by tag; undefined takes the element out. */
type ElementOverrides = Readonly<Record<`0${string}` | `7${string}`, DicomJsonElement | undefined>>;

export type CtInstanceOptions = Partial<ElementOverrides> & {
  readonly study?: string;
  /** Default: the study's UID with `.1`. */
  readonly series?: string;
  /** Default: the series' UID with `.1`. */
  readonly instance?: string;
  readonly patientId?: string;
  readonly seriesNumber?: number;
  readonly instanceNumber?: number;
};

/** A small complete CT image: `ctInstance({ study, series, instance, patientId, '00080050': element('SH', 'A1') })`. */
export function ctInstance(options: CtInstanceOptions = {}): DicomJson {
  const { study = testUid(1), patientId = 'PATIENT-1', seriesNumber = 1, instanceNumber = 1, ...rest } = options;
  const { series = `${study}.1`, ...others } = rest;
  const { instance = `${series}.1`, ...overrides } = others;
  const elements: Record<string, DicomJsonElement | undefined> = {
    '00080005': element('CS', 'ISO_IR 192'),
    '00080008': element('CS', 'ORIGINAL', 'PRIMARY', 'AXIAL'),
    '00080016': element('UI', '1.2.840.10008.5.1.4.1.1.2'),
    '00080018': element('UI', instance),
    '00080020': element('DA', '20240115'),
    '00080021': element('DA', '20240115'),
    '00080030': element('TM', '101500'),
    '00080031': element('TM', '101730'),
    '00080050': element('SH', 'ACC-1'),
    '00080060': element('CS', 'CT'),
    '00080070': element('LO', 'Example Maker'),
    '00080090': element('PN', { Alphabetic: 'Referrer^Rita' }),
    '00080201': element('SH', '+0100'),
    '00081030': element('LO', 'CT Thorax'),
    '0008103E': element('LO', 'Thorax 1.0'),
    '00100010': element('PN', { Alphabetic: 'Doe^Jane' }),
    '00100020': element('LO', patientId),
    '00100030': element('DA', '19800229'),
    '00100040': element('CS', 'F'),
    '00180015': element('CS', 'CHEST'),
    '0020000D': element('UI', study),
    '0020000E': element('UI', series),
    '00200010': element('SH', 'S1'),
    '00200011': element('IS', seriesNumber),
    '00200013': element('IS', instanceNumber),
    '00280010': element('US', 512),
    '00280011': element('US', 512),
    ...(overrides as Record<string, DicomJsonElement | undefined>),
  };
  return Object.fromEntries(
    Object.entries(elements)
      .filter((entry): entry is [string, DicomJsonElement] => entry[1] !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
