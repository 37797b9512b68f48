import type { Coding, ImagingStudySeries, ImagingStudySeriesInstance } from 'fhir/r4';
import { partEnds, type Parts, sortInParts } from '../concurrency/parts';
import { oidUrn } from './identifiers';
import type { InstanceFacts } from './instanceFacts';
import { instantKey } from './instants';
import type { MappingOptions } from './options';
import { compareCodeUnits, counted, plurality, pluralityOf, sortedUnion } from './plurality';
import type { ValidInstance } from './readInstance';
import { DATA_ABSENT_REASON_EXTENSION, DCM_SYSTEM, URI_SYSTEM } from './systems';

/** The series of a study, by number and UID, each with its instances; counted by distinct UID. */
export function* projectSeries(
  instances: readonly ValidInstance[],
  options: MappingOptions,
): Parts<readonly ImagingStudySeries[]> {
  const ends = partEnds();
  const bySeries = new Map<string, ValidInstance[]>();
  for (const instance of instances) {
    const group = bySeries.get(instance.seriesUid);
    if (group === undefined) bySeries.set(instance.seriesUid, [instance]);
    else group.push(instance);
    if (ends()) yield;
  }
  const series: ImagingStudySeries[] = [];
  for (const [uid, group] of bySeries) {
    series.push(yield* seriesOf(uid, group, options));
    if (ends(group.length)) yield;
  }
  return yield* sortInParts(series, byNumberAndUid);
}

function* seriesOf(uid: string, group: readonly ValidInstance[], options: MappingOptions): Parts<ImagingStudySeries> {
  const facts = counted(group.map((instance) => instance.facts.series));
  const distinct = facts.map(({ value }) => value);
  const number = pluralityOf(facts, (fact) => fact.number, numberKey);
  const modality = pluralityOf(facts, (fact) => fact.modality);
  const description = pluralityOf(facts, (fact) => fact.description);
  const bodySite = pluralityOf(facts, (fact) => fact.bodySite);
  const laterality =
    pluralityOf(facts, (fact) => fact.laterality) ?? sharedLaterality(distinct.map((fact) => fact.imageLaterality));
  const started = pluralityOf(facts, (fact) => fact.started, instantKey) ?? (yield* earliestAcquired(group));
  const specimens = sortedUnion(distinct.flatMap((fact) => fact.specimens));
  const performers = sortedUnion(distinct.flatMap((fact) => fact.performers));
  const instance = yield* instancesOf(group, options);
  return {
    uid,
    ...(number === undefined ? {} : { number }),
    modality: modality === undefined ? unknownCoding() : { system: DCM_SYSTEM, code: modality },
    ...(description === undefined ? {} : { description }),
    numberOfInstances: instance.length,
    ...(bodySite === undefined ? {} : { bodySite }),
    ...(laterality === undefined ? {} : { laterality }),
    ...(specimens.length === 0 ? {} : { specimen: [...specimens] }),
    ...(started === undefined ? {} : { started }),
    ...(performers.length === 0 ? {} : { performer: [...performers] }),
    instance,
  };
}

function* instancesOf(group: readonly ValidInstance[], options: MappingOptions): Parts<ImagingStudySeriesInstance[]> {
  const ends = partEnds();
  const byUid = new Map<string, ValidInstance | ValidInstance[]>();
  for (const instance of group) {
    const same = byUid.get(instance.instanceUid);
    if (same === undefined) byUid.set(instance.instanceUid, instance);
    else if (Array.isArray(same)) same.push(instance);
    else byUid.set(instance.instanceUid, [same, instance]);
    if (ends()) yield;
  }
  const projected: ImagingStudySeriesInstance[] = [];
  const projectInstance = instanceProjector(options);
  for (const same of byUid.values()) {
    projected.push(
      Array.isArray(same)
        ? projectInstance(same[0]?.instanceUid ?? '', pluralityOfFacts(same))
        : projectInstance(same.instanceUid, same.facts),
    );
    if (ends()) yield;
  }
  return yield* sortInParts(projected, byNumberAndUid);
}

/** A UID appears once in a series; should a service show it twice, the plurality decides here as well. */
function pluralityOfFacts(same: readonly ValidInstance[]): OwnFacts {
  const facts = same.map((instance) => instance.facts);
  return {
    sopClass: plurality(facts.map((fact) => fact.sopClass)),
    number: plurality(
      facts.map((fact) => fact.number),
      numberKey,
    ),
    title: plurality(facts.map((fact) => fact.title)),
    frames: plurality(
      facts.map((fact) => fact.frames),
      numberKey,
    ),
  };
}

type OwnFacts = Pick<InstanceFacts, 'sopClass' | 'number' | 'title' | 'frames'>;

/** Instances of one SOP class share its coding. */
function instanceProjector({
  numberOfFramesExtension: url,
}: MappingOptions): (uid: string, facts: OwnFacts) => ImagingStudySeriesInstance {
  const codings = new Map<string | undefined, Coding>();
  const codingOf = (sopClass: string | undefined): Coding => {
    const known = codings.get(sopClass);
    if (known !== undefined) return known;
    const coding = sopClass === undefined ? unknownCoding() : { system: URI_SYSTEM, code: oidUrn(sopClass) };
    codings.set(sopClass, coding);
    return coding;
  };
  return (uid, { sopClass, number, title, frames }) => {
    // Member by member: there can be tens of thousands of instances.
    const projected: ImagingStudySeriesInstance = { uid, sopClass: codingOf(sopClass) };
    if (url !== undefined && frames !== undefined) projected.extension = [{ url, valueInteger: frames }];
    if (number !== undefined) projected.number = number;
    if (title !== undefined) projected.title = title;
    return projected;
  };
}

/** Text that sorts as the number does. */
function numberKey(value: number): string {
  return String(value).padStart(10, '0');
}

/** A mandatory element without a value. */
function unknownCoding(): Coding {
  return { extension: [{ url: DATA_ABSENT_REASON_EXTENSION, valueCode: 'unknown' }] };
}

/** Image Laterality counts for a series only when every image that has one agrees. */
function sharedLaterality(lateralities: readonly (Coding | undefined)[]): Coding | undefined {
  const distinct = sortedUnion(
    lateralities.flatMap((coding) => coding ?? []),
    ({ code }) => code ?? '',
  );
  return distinct.length === 1 ? distinct[0] : undefined;
}

function* earliestAcquired(group: readonly ValidInstance[]): Parts<string | undefined> {
  const ends = partEnds();
  const seen = new Set<string>();
  let earliest: { readonly time: string; readonly key: string } | undefined;
  for (const {
    facts: { acquired: time },
  } of group) {
    if (ends()) yield;
    if (time === undefined || seen.has(time)) continue;
    seen.add(time);
    const key = instantKey(time);
    if (earliest === undefined || compareCodeUnits(key, earliest.key) < 0) earliest = { time, key };
  }
  return earliest?.time;
}

function byNumberAndUid(
  a: { readonly number?: number; readonly uid: string },
  b: { readonly number?: number; readonly uid: string },
): number {
  const [first, second] = [a.number ?? Number.MAX_SAFE_INTEGER, b.number ?? Number.MAX_SAFE_INTEGER];
  return first - second || compareCodeUnits(a.uid, b.uid);
}
