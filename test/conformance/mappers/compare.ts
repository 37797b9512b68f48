import { readSamples } from '../../../local/samples/samples';
import { type DicomJson, firstText, Tag } from '../../../local/dicom/dicomJson';
import { endpointElements, instanceElements, patientElements, seriesElements, studyElements } from './elements';
import type { MappedStudy, MapperOutput } from './mappedStudy';

/** One value that Cast and another mapper both had the chance to give. */
export interface Comparison {
  readonly path: string;
  readonly peer: string;
  readonly studyUid: string;
  readonly ours: unknown;
  readonly theirs: unknown;
  /** The objects that the value stands for: those of the study, the series, or the one instance. */
  readonly objects: readonly DicomJson[];
}

/**
 * Compares element by element what both mappers make of the samples: study, patient and endpoint values once for each study, series
 * values for each series that both have, instance values for each instance that both have. What neither has is left out.
 */
export function compareAll(cast: MapperOutput, peer: MapperOutput): readonly Comparison[] {
  return readSamples().studies.flatMap(({ studyUid, samples }) => {
    const [ours, theirs] = [cast.studies.get(studyUid), peer.studies.get(studyUid)];
    if (ours === undefined || theirs === undefined) return [];
    const objects = samples.map(({ dataset }) => dataset);
    return compareStudy(ours, theirs, objects).map((each) => ({ ...each, peer: peer.name, studyUid }));
  });
}

type Compared = Omit<Comparison, 'peer' | 'studyUid'>;

function compareStudy(ours: MappedStudy, theirs: MappedStudy, objects: readonly DicomJson[]): readonly Compared[] {
  const series = pairs(ours.imagingStudy.series, theirs.imagingStudy.series);
  return [
    ...compared(studyElements, ours.imagingStudy, theirs.imagingStudy, objects),
    ...series.flatMap(([our, their]) => {
      const ofSeries = objects.filter((object) => firstText(object, Tag.SeriesInstanceUID) === our.uid);
      return [
        ...compared(seriesElements, our, their, ofSeries),
        ...pairs(our.instance, their.instance).flatMap(([one, other]) =>
          compared(
            instanceElements,
            one,
            other,
            ofSeries.filter((object) => firstText(object, Tag.SOPInstanceUID) === one.uid),
          ),
        ),
      ];
    }),
    ...(ours.patient === undefined || theirs.patient === undefined
      ? []
      : compared(patientElements, ours.patient, theirs.patient, objects)),
    ...(ours.endpoint === undefined || theirs.endpoint === undefined
      ? []
      : compared(endpointElements, ours.endpoint, theirs.endpoint, objects)),
  ];
}

function compared<T>(
  elements: readonly { readonly path: string; read(resource: T): unknown }[],
  ours: T,
  theirs: T,
  objects: readonly DicomJson[],
): readonly Compared[] {
  return elements
    .map(({ path, read }) => ({ path, ours: read(ours), theirs: read(theirs), objects }))
    .filter((each) => each.ours !== undefined || each.theirs !== undefined);
}

function pairs<T extends { readonly uid: string }>(
  ours: readonly T[] = [],
  theirs: readonly T[] = [],
): readonly (readonly [T, T])[] {
  return ours.flatMap((our) => {
    const their = theirs.find(({ uid }) => uid === our.uid);
    return their === undefined ? [] : [[our, their] as const];
  });
}

/** @returns whether both say the same */
export function agrees({ ours, theirs }: Comparison): boolean {
  return JSON.stringify(ours) === JSON.stringify(theirs);
}
