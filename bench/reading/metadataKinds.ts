import type { DicomJson } from '../../local/dicom/dicomJson';
import { instance, textElement } from '../cast/instances';

/** What the metadata of studies are like, and how the service writes them. */
export interface MetadataKind {
  readonly name: string;
  /** Default: INSTANCES_OF_STUDY. */
  readonly instancesOfStudy?: number;
  /** What an image of this kind has besides those of the other benchmarks, or instead. */
  readonly change?: (index: number) => DicomJson;
  /** Instances have little in common that could be read once for all of them. */
  readonly sharesLittle?: true;
  /** Default: without blanks. */
  readonly write?: (instances: readonly DicomJson[]) => string;
  /** App settings beside the addresses. */
  readonly settings?: Readonly<Record<string, string>>;
}

export const INSTANCES_OF_STUDY = 500;

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

const privateElements = (count: number, valueOf: (place: number) => string): DicomJson =>
  Object.fromEntries(
    range(count).map((place) => [
      `0009${(0x1000 + place).toString(16).toUpperCase()}`,
      textElement('LO', valueOf(place)),
    ]),
  );

const referenced = (index: number): DicomJson[string] =>
  textElement(
    'SQ',
    ...range(3).map((place) => ({
      '00081150': textElement('UI', '1.2.840.10008.5.1.4.1.1.2'),
      '00081155': textElement('UI', `1.2.826.0.1.3680043.10.1338.902.${index}.${place}`),
    })),
  );

const framesOf = (index: number): DicomJson[string] =>
  textElement(
    'SQ',
    ...range(100).map((frame) => ({
      '00209113': textElement('SQ', { '00200032': textElement('DS', -174.6, -174.6, frame + index) }),
      '00289132': textElement('SQ', { '00281050': textElement('DS', 50), '00281051': textElement('DS', 350) }),
    })),
  );

const withoutVr = (instances: readonly DicomJson[]): string =>
  JSON.stringify(instances, (name, value: unknown) => (name === 'vr' ? undefined : value));

export const METADATA_KINDS: readonly MetadataKind[] = [
  { name: 'CT images' },
  { name: 'studies of one image', instancesOfStudy: 1, sharesLittle: true },
  { name: 'a time zone is configured', settings: { DEFAULT_TIME_ZONE: 'Europe/Berlin' } },
  {
    name: 'some with one attribute more',
    change: (index): DicomJson => (index % 2 === 0 ? {} : { '00180010': textElement('LO', 'A') }),
  },
  { name: 'one a line', write: (all) => `[\n${all.map((each) => JSON.stringify(each)).join(',\n')}\n]` },
  { name: 'indented', write: (all) => JSON.stringify(all, undefined, 2) },
  { name: 'without value representations', write: withoutVr },
  { name: 'other images referenced', change: (index) => ({ '00081140': referenced(index) }) },
  {
    name: '100 private elements',
    change: (index) => privateElements(100, (place) => (place < 5 ? `${index}.${place}` : 'the same in all')),
  },
  {
    name: '100 private elements, all different',
    change: (index) => privateElements(100, (place) => `${index}.${place}`),
  },
  { name: 'an impossible time in each', change: (index) => ({ '00080032': textElement('TM', `99${index}`) }) },
  { name: 'a series of its own for each', change: (index) => ({ '0020000E': textElement('UI', `1.2.3.${index}`) }) },
  {
    name: 'enhanced images of 100 frames',
    instancesOfStudy: 50,
    sharesLittle: true,
    change: (index) => ({ '52009230': framesOf(index) }),
  },
];

/** The body with which a service answers for the metadata of one study. */
export function metadataBody(
  { instancesOfStudy = INSTANCES_OF_STUDY, change, write = JSON.stringify }: MetadataKind,
  study: number,
): Buffer {
  const instances = range(instancesOfStudy).map((index) => ({ ...instance(study, index), ...change?.(index) }));
  return Buffer.from(write(instances));
}
