import type { DicomService } from '../../local/dicom/dicomService';
import type { DicomJson, DicomJsonElement } from '../../local/dicom/dicomJson';

/** A history of a DICOM service, in steps: both contestants work off the feed after each step. */
export interface FeedShape {
  readonly name: string;
  /** Whether changes come study by study, as modalities send them. */
  readonly studyShaped: boolean;
  readonly steps: readonly ((dicom: DicomService) => void)[];
}

/** @param scale 1: a few minutes; smaller for a quick look */
export function feedShapes(scale: number): readonly FeedShape[] {
  const size = (count: number): number => Math.max(1, Math.round(count * scale));
  return [
    {
      name: 'CT studies of 500',
      studyShaped: true,
      steps: [
        (dicom) => {
          for (let study = 1; study <= 2; study++) store(dicom, study, range(size(500)));
        },
      ],
    },
    {
      name: 'mixed modalities (5 to 60)',
      studyShaped: true,
      steps: [
        (dicom) => {
          for (let study = 1; study <= size(30); study++) store(dicom, study, range(5 + ((study * 7) % 56)));
        },
      ],
    },
    {
      name: 'single-instance studies',
      studyShaped: false,
      steps: [
        (dicom) => {
          for (let study = 1; study <= size(300); study++) store(dicom, study, [0]);
        },
      ],
    },
    {
      name: 'one study trickling in',
      studyShaped: true,
      steps: Array.from({ length: 10 }, (_, part) => (dicom: DicomService) => {
        store(
          dicom,
          1,
          range(size(100)).map((index) => part * size(100) + index),
        );
      }),
    },
    {
      name: 'interleaved uploads',
      studyShaped: true,
      steps: [
        (dicom) => {
          for (const index of range(size(50))) for (let study = 1; study <= 10; study++) store(dicom, study, [index]);
        },
      ],
    },
    {
      name: 'mass deletes',
      studyShaped: true,
      steps: [
        (dicom) => {
          for (let study = 1; study <= 4; study++) store(dicom, study, range(size(100)));
        },
        (dicom) => {
          for (let study = 1; study <= 4; study++) dicom.deleteStudy(studyUid(study));
        },
      ],
    },
    {
      name: 'bulk update',
      studyShaped: true,
      steps: [
        (dicom) => {
          for (let study = 1; study <= 4; study++) store(dicom, study, range(size(100)));
        },
        (dicom) => {
          for (let study = 1; study <= 4; study++)
            dicom.update(studyUid(study), { '00081030': element('LO', 'CT Abdomen') });
        },
      ],
    },
  ];
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function studyUid(study: number): string {
  return `1.2.826.0.1.3680043.10.1338.900.${study}`;
}

function store(dicom: DicomService, study: number, indexes: readonly number[]): void {
  dicom.store(indexes.map((index) => instance(study, index)));
}

function instance(study: number, index: number): DicomJson {
  const uid = studyUid(study);
  const series = `${uid}.${1 + (index % 4)}`;
  return {
    '00080016': element('UI', '1.2.840.10008.5.1.4.1.1.2'),
    '00080018': element('UI', `${series}.${index}`),
    '00080020': element('DA', '20240115'),
    '00080030': element('TM', '101530'),
    '00080050': element('SH', `A${study}`),
    '00080060': element('CS', 'CT'),
    '00081030': element('LO', 'CT Thorax'),
    '00100010': element('PN', { Alphabetic: 'Doe^Jane' }),
    '00100020': element('LO', `P${study}`),
    '0020000D': element('UI', uid),
    '0020000E': element('UI', series),
    '00200013': element('IS', index),
  };
}

function element(vr: string, ...values: readonly unknown[]): DicomJsonElement {
  return { vr, Value: values };
}
