import type { DicomService } from '../../local/dicom/dicomService';
import { instance, MODALITIES, type Modality, studyUid, textElement } from './instances';

/** One moment in the history of a DICOM service; both contestants work off the feed after it. */
export interface FeedStep {
  readonly happen: (dicom: DicomService) => void;
  /** false: it only prepares what is measured, and is worked off without latency. */
  readonly measured: boolean;
}

export interface FeedShape {
  readonly name: string;
  /** Whether changes come study by study, as modalities send them. */
  readonly studyShaped: boolean;
  readonly steps: readonly FeedStep[];
  /**
   * Measured entries of each step that the old loop has to work off one by one, at places evenly spread over the step: what an entry costs
   * it grows with the study. What is between them it may take at once, unmeasured.
   */
  readonly oldLoopSample: { readonly places: number; readonly entriesOfEach: number };
}

/** Worked off first and not measured, so that code is compiled and connections are open. */
export const WARM_UP = 'warm-up';

/**
 * The engine goes on compiling for tens of thousands of studies, in threads of its own that take their part of two cores: what runs once
 * for each study is slow to become hot.
 */
const WARM_UP_PARTS = 25;

/** Studies of 500, one after the other: 100,000 entries, or a million at scale 10. */
export const BACKLOG = 'backlog';
export const SMALL_STUDIES = 'studies of 10';
/** Each stored at once; then one instance is replaced, and then all of them are changed. The number of the study is its place here, from 1. */
export const BIG_STUDIES = ['one study of 50,000', 'one study of 50,000 in one series'] as const;

const OLD_LOOP_SAMPLE = { places: 13, entriesOfEach: 25 };

/** Of the sizes that they have in a hospital. */
export const MIXED = 'mixed modalities (5 to 60)';

/** Each of ten thousand entries, or thousands of studies: what a feed costs at its start and its end, and compilation, would show in shorter ones. */
export const FEED_SHAPE_NAMES = [
  'CT studies of 500',
  MIXED,
  'single-instance studies',
  'one study of 10,000 trickling in',
  'interleaved uploads',
  'mass deletes',
  'bulk update',
] as const;

/**
 * @param scale 1: the sizes that the names say; smaller for a quick look
 * @throws Error when no shape has this name
 */
export function feedShape(name: string, scale: number): FeedShape {
  const size = (count: number): number => Math.max(1, Math.round(count * scale));
  const shape = (steps: readonly FeedStep[], oldLoopSample = OLD_LOOP_SAMPLE, studyShaped = true): FeedShape => ({
    name,
    studyShaped,
    steps,
    oldLoopSample,
  });
  switch (name) {
    case WARM_UP:
      return shape(range(WARM_UP_PARTS).map((part) => measured((dicom) => warmUp(dicom, part))));
    case 'CT studies of 500':
      return shape([measured((dicom) => storeStudies(dicom, 40, () => size(500)))]);
    case MIXED:
      return shape([measured((dicom) => storeStudies(dicom, size(1000), mixedSize, mixedModality))]);
    case 'single-instance studies':
      return shape([measured((dicom) => storeStudies(dicom, size(2000), () => 1))], undefined, false);
    case 'one study of 10,000 trickling in':
      return shape(
        range(20).map((part) =>
          measured((dicom) =>
            store(
              dicom,
              1,
              range(size(500)).map((index) => part * size(500) + index),
            ),
          ),
        ),
        { places: 1, entriesOfEach: 5 },
      );
    case 'interleaved uploads':
      return shape([measured((dicom) => interleave(dicom, 10, 10, size(200)))]);
    case 'mass deletes':
      return shape([
        prepared((dicom) => storeStudies(dicom, 40, () => size(500))),
        measured((dicom) => {
          for (const study of range(40)) dicom.deleteStudy(studyUid(study + 1));
        }),
      ]);
    case 'bulk update':
      return shape([
        prepared((dicom) => storeStudies(dicom, 40, () => size(500))),
        measured((dicom) => {
          for (const study of range(40))
            dicom.update(studyUid(study + 1), { '00081030': textElement('LO', 'CT Abdomen') });
        }),
      ]);
    case BACKLOG:
      return shape([measured((dicom) => storeStudies(dicom, size(200), () => 500))]);
    case SMALL_STUDIES:
      return shape([measured((dicom) => storeStudies(dicom, size(1600), () => 10))]);
    case BIG_STUDIES[0]:
      return shape(bigStudy(1, 4, size(50_000)));
    case BIG_STUDIES[1]:
      return shape(bigStudy(2, 1, size(50_000)));
    default:
      throw new Error(`There is no feed shape ${name}; there are ${FEED_SHAPE_NAMES.join(', ')}`);
  }
}

function measured(happen: FeedStep['happen']): FeedStep {
  return { happen, measured: true };
}

function prepared(happen: FeedStep['happen']): FeedStep {
  return { happen, measured: false };
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function bigStudy(study: number, series: number, size: number): readonly FeedStep[] {
  const index = Math.floor(size / 2);
  const seriesUid = `${studyUid(study)}.${1 + (index % series)}`;
  return [
    prepared((dicom) => dicom.store(range(size).map((index) => instance(study, index, { seriesOfStudy: series })))),
    measured((dicom) => {
      dicom.deleteInstance(studyUid(study), seriesUid, `${seriesUid}.${index}`);
      dicom.store({ ...instance(study, index, { seriesOfStudy: series }), '00200013': textElement('IS', size) });
    }),
    measured((dicom) => dicom.update(studyUid(study), { '00081030': textElement('LO', 'CT Abdomen') })),
  ];
}

function storeStudies(
  dicom: DicomService,
  studies: number,
  sizeOf: (study: number) => number,
  modalityOf?: (study: number) => Modality,
): void {
  for (let study = 1; study <= studies; study++) store(dicom, study, range(sizeOf(study)), modalityOf?.(study));
}

/** @returns 5 to 60 */
const mixedSize = (study: number): number => 5 + ((study * 7) % 56);

const mixedModality = (study: number): Modality => MODALITIES[study % MODALITIES.length] ?? 'CT';

function store(dicom: DicomService, study: number, indexes: readonly number[], modality?: Modality): void {
  dicom.store(indexes.map((index) => instance(study, index, { modality })));
}

/** Uploads of several studies that alternate image by image; when they are done the next ones begin. */
function interleave(dicom: DicomService, groups: number, studies: number, size: number): void {
  for (const group of range(groups))
    for (const index of range(size))
      for (let study = 1; study <= studies; study++) store(dicom, group * studies + study, [index]);
}

/** In studies of numbers that no shape uses. */
function warmUp(dicom: DicomService, part: number): void {
  for (const study of range(4)) store(dicom, 100_000 + part * 100 + study, range(400));
  for (const study of range(1500))
    store(dicom, 200_000 + part * 10_000 + study, range(1 + (study % 4)), mixedModality(study));
}
