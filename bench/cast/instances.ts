import type { DicomJson, DicomJsonElement } from '../../local/dicom/dicomJson';

export function studyUid(study: number): string {
  return `1.2.826.0.1.3680043.10.1338.900.${study}`;
}

export function textElement(vr: string, ...values: readonly unknown[]): DicomJsonElement {
  return { vr, Value: values };
}

/** The elements of a CT image that are the same in the whole study, about as many and as long as a modality writes. */
const CONSTANT: DicomJson = {
  '00080005': textElement('CS', 'ISO_IR 100'),
  '00080008': textElement('CS', 'ORIGINAL', 'PRIMARY', 'AXIAL'),
  '00080016': textElement('UI', '1.2.840.10008.5.1.4.1.1.2'),
  '00080020': textElement('DA', '20240115'),
  '00080021': textElement('DA', '20240115'),
  '00080022': textElement('DA', '20240115'),
  '00080023': textElement('DA', '20240115'),
  '00080030': textElement('TM', '101530'),
  '00080031': textElement('TM', '101712.540000'),
  '00080060': textElement('CS', 'CT'),
  '00080070': textElement('LO', 'Example Imaging'),
  '00080080': textElement('LO', 'General Hospital'),
  '00080090': textElement('PN', { Alphabetic: 'Referring^Rita' }),
  '00081010': textElement('SH', 'CT01'),
  '00081030': textElement('LO', 'CT Thorax'),
  '0008103E': textElement('LO', 'Thorax 1.0 B30f'),
  '00081032': textElement('SQ', {
    '00080100': textElement('SH', 'CTTHOR'),
    '00080102': textElement('SH', '99HOSP'),
    '00080104': textElement('LO', 'CT Thorax'),
  }),
  '00081090': textElement('LO', 'Scanner 64'),
  '00100030': textElement('DA', '19610704'),
  '00100040': textElement('CS', 'F'),
  '00101010': textElement('AS', '062Y'),
  '00101030': textElement('DS', 71.5),
  '00180015': textElement('CS', 'CHEST'),
  '00180050': textElement('DS', 1),
  '00180060': textElement('DS', 120),
  '00180090': textElement('DS', 500),
  '00181030': textElement('LO', 'Thorax routine'),
  '00181100': textElement('DS', 350),
  '00181151': textElement('IS', 180),
  '00181210': textElement('SH', 'B30f'),
  '00185100': textElement('CS', 'HFS'),
  '00200010': textElement('SH', '4711'),
  '00200012': textElement('IS', 1),
  '00200037': textElement('DS', 1, 0, 0, 0, 1, 0),
  '00200052': textElement('UI', '1.2.826.0.1.3680043.10.1338.901.1'),
  '00280002': textElement('US', 1),
  '00280004': textElement('CS', 'MONOCHROME2'),
  '00280010': textElement('US', 512),
  '00280011': textElement('US', 512),
  '00280030': textElement('DS', 0.68, 0.68),
  '00280100': textElement('US', 16),
  '00281050': textElement('DS', 50),
  '00281051': textElement('DS', 350),
  '00281052': textElement('DS', -1024),
  '00281053': textElement('DS', 1),
};

/** Modalities whose images have other attributes. */
export const MODALITIES = ['CT', 'MR', 'US'] as const;
export type Modality = (typeof MODALITIES)[number];

/** What is not in a CT image, or not in that of another modality (undefined). */
const OF_MODALITY: Readonly<Record<Modality, Readonly<Record<string, DicomJsonElement | undefined>>>> = {
  CT: {},
  MR: {
    '00080016': textElement('UI', '1.2.840.10008.5.1.4.1.1.4'),
    '00080060': textElement('CS', 'MR'),
    '00180020': textElement('CS', 'SE'),
    '00180021': textElement('CS', 'SK'),
    '00180023': textElement('CS', '2D'),
    '00180060': undefined,
    '00180080': textElement('DS', 550),
    '00180081': textElement('DS', 12),
    '00180087': textElement('DS', 1.5),
    '00181151': undefined,
    '00281052': undefined,
    '00281053': undefined,
  },
  US: {
    '00080016': textElement('UI', '1.2.840.10008.5.1.4.1.1.6.1'),
    '00080060': textElement('CS', 'US'),
    '00180050': undefined,
    '00180060': undefined,
    '00180090': undefined,
    '00181100': undefined,
    '00181151': undefined,
    '00181210': undefined,
    '00185010': textElement('LO', 'C5-1'),
    '00200037': undefined,
    '00281052': undefined,
    '00281053': undefined,
  },
};

export interface InstanceOptions {
  /** Default: four. */
  readonly seriesOfStudy?: number;
  /** Default: CT. */
  readonly modality?: Modality | undefined;
}

/** One image in one of the series of its study, with a patient for each study. */
export function instance(
  study: number,
  index: number,
  { seriesOfStudy = 4, modality = 'CT' }: InstanceOptions = {},
): DicomJson {
  const uid = studyUid(study);
  const number = 1 + (index % seriesOfStudy);
  const series = `${uid}.${number}`;
  return withoutUndefined({
    ...CONSTANT,
    ...OF_MODALITY[modality],
    '00080018': textElement('UI', `${series}.${index}`),
    '00080032': textElement('TM', `1017${String(index % 60).padStart(2, '0')}.250000`),
    '00080050': textElement('SH', `A${study}`),
    '00100010': textElement('PN', { Alphabetic: `Doe^Jane${study}` }),
    '00100020': textElement('LO', `P${study}`),
    '0020000D': textElement('UI', uid),
    '0020000E': textElement('UI', series),
    '00200011': textElement('IS', number),
    '00200013': textElement('IS', index),
    '00200032': textElement('DS', -174.6, -174.6, -index),
    '00201041': textElement('DS', -index),
  });
}

function withoutUndefined(elements: Readonly<Record<string, DicomJsonElement | undefined>>): DicomJson {
  return Object.fromEntries(
    Object.entries(elements).flatMap(([tag, element]) => (element === undefined ? [] : [[tag, element]])),
  );
}
