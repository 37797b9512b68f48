import type {
  Annotation,
  Identifier,
  ImagingStudy,
  ImagingStudySeries,
  ImagingStudySeriesInstance,
  Meta,
  Reference,
} from 'fhir/r4';
import { atOnce, partEnds, type Parts } from '../concurrency/parts';
import { sameCoding } from './coding';
import { sameIdentifier } from './identifiers';
import { literalOrders, type OrderReferences } from './orders';
import { type ImagingStudyProjection, STUDY_ID_TYPE, type StudyProjection } from './projectStudy';
import { ADOPTED_TAG_SYSTEM, type CastSource, isAdopted, isOwnedBy, metaOf } from './source';
import { DCM_SYSTEM, IDENTIFIER_TYPE_SYSTEM } from './systems';

/** What a study refers to. */
export interface StudyReferences {
  readonly subject: Reference;
  readonly endpoint: Reference;
  readonly source: CastSource;
  /** What orders are referred to literally by; undefined where they are not looked up. */
  readonly orders?: OrderReferences;
}

/**
 * The study as it has to be: our elements from the projection, what belongs to others kept.
 * In a study of our own an element without a value goes; in an adopted one it stays as its owner wrote it.
 * Kept always: foreign identifiers, orders and endpoints, notes, extensions, narrative, and every element that is not mapped.
 * @param existing undefined: a new study of ours; one that carries no tag of ours is adopted
 */
export function overlayImagingStudy(
  existing: ImagingStudy | undefined,
  projection: StudyProjection,
  references: StudyReferences,
): ImagingStudy {
  return atOnce(overlayImagingStudyInParts(existing, projection, references));
}

/** The same in parts. */
export function* overlayImagingStudyInParts(
  existing: ImagingStudy | undefined,
  projection: StudyProjection,
  references: StudyReferences,
): Parts<ImagingStudy> {
  const { imagingStudy: ours } = projection;
  const adopted =
    existing !== undefined && (!isOwnedBy(existing, references.source) || isAdopted(existing, references.source));
  const old: Partial<ImagingStudy> = existing ?? {};
  const single = <T>(value: T | undefined, before: T | undefined): T | undefined =>
    value ?? (adopted ? before : undefined);
  const several = <T>(values: readonly T[], before: T[] | undefined): T[] | undefined =>
    values.length > 0 || !adopted ? [...values] : before;
  const numberOfSeries = ours.series.length;
  return withoutEmpty({
    ...old,
    resourceType: 'ImagingStudy',
    meta: overlayMeta(existing?.meta, ours, references.source, adopted),
    identifier: overlayIdentifiers(old.identifier ?? [], ours.identifiers),
    status: 'available',
    modality: [...ours.modality],
    subject: overlaySubject(existing?.subject, references.subject),
    encounter: ours.encounter ?? (isOurEncounter(old.encounter) ? undefined : old.encounter),
    started: single(ours.started, old.started),
    basedOn: overlayOrders(old.basedOn ?? [], literalOrders(ours.orders, references.orders), {
      adopted,
      lookedUp: references.orders !== undefined,
    }),
    referrer: single(ours.referrer, old.referrer),
    interpreter: several(ours.interpreters, old.interpreter),
    endpoint: [
      references.endpoint,
      ...(old.endpoint ?? []).filter((other) => !isSameTarget(other, references.endpoint)),
    ],
    numberOfSeries,
    numberOfInstances: ours.numberOfInstances,
    procedureCode: several(ours.procedureCodes, old.procedureCode),
    location: single(ours.location, old.location),
    reasonCode: several(ours.reasons, old.reasonCode),
    note: overlayNotes(withoutObsolete(old.note ?? [], ours.obsoleteNotes), ours.note),
    description: single(ours.description, old.description),
    series: yield* overlayAllSeries(old.series ?? [], ours, references.endpoint),
  });
}

/**
 * An adopted study of which nothing is live any more: it is not ours to delete (design 1, rule 6).
 * @param ordersLookedUp whether literal references to orders of our form are ours
 */
export function emptyAdoptedStudy(existing: ImagingStudy, source: CastSource, ordersLookedUp = false): ImagingStudy {
  return withoutEmpty({
    ...existing,
    meta: { ...existing.meta, source: source.address },
    identifier: (existing.identifier ?? []).filter(
      (identifier) => !isOurAccession(identifier) && !isOurStudyId(identifier),
    ),
    basedOn: overlayOrders(existing.basedOn ?? [], [], { adopted: true, lookedUp: ordersLookedUp }),
    encounter: isOurEncounter(existing.encounter) ? undefined : existing.encounter,
    note: overlayNotes(existing.note ?? [], undefined),
    status: 'registered',
    numberOfSeries: 0,
    numberOfInstances: 0,
    series: [],
  });
}

function overlayMeta(
  existing: Meta | undefined,
  ours: ImagingStudyProjection,
  source: CastSource,
  adopted: boolean,
): Meta {
  const { tag = [], ...meta } = metaOf(source);
  const wanted = adopted ? [...tag, { system: ADOPTED_TAG_SYSTEM, code: source.address }] : tag;
  const others = (existing?.tag ?? []).filter((other) => !wanted.some((own) => sameCoding(own, other)));
  const profile = [...new Set([...(existing?.profile ?? []), ...ours.profiles])];
  return { ...existing, ...meta, tag: [...others, ...wanted], ...(profile.length === 0 ? {} : { profile }) };
}

/**
 * Ours are told by their form: the study UID, accession numbers with both types, the Study ID. What others hold under the same
 * system and value is theirs, and is not written twice.
 */
function overlayIdentifiers(existing: readonly Identifier[], ours: readonly Identifier[]): Identifier[] {
  const [study, ...others] = ours;
  if (study === undefined) return [...existing];
  const foreign = existing.filter(
    (identifier) => !sameIdentifier(identifier, study) && !isOurAccession(identifier) && !isOurStudyId(identifier),
  );
  const added = others.filter((identifier) => !foreign.some((present) => sameIdentifier(present, identifier)));
  return [{ ...existing.find((identifier) => sameIdentifier(identifier, study)), ...study }, ...added, ...foreign];
}

function isOurStudyId({ type }: Identifier): boolean {
  return type?.text === STUDY_ID_TYPE && type.coding === undefined;
}

/** A logical reference to an admission, in the form of the mapping. */
function isOurEncounter(encounter: Reference | undefined): boolean {
  return (
    encounter?.reference === undefined &&
    encounter?.type === 'Encounter' &&
    encounter.identifier?.type?.coding?.some(({ code }) => code === 'VN') === true
  );
}

function isOurAccession({ type }: Identifier): boolean {
  const codings = type?.coding ?? [];
  return (
    codings.some(({ system, code }) => system === IDENTIFIER_TYPE_SYSTEM && code === 'ACSN') &&
    codings.some(({ system, code }) => system === DCM_SYSTEM && code === '121022')
  );
}

interface OrdersOfStudy {
  readonly adopted: boolean;
  readonly lookedUp: boolean;
}

/** As with identifiers, an order that others name as well is theirs, and is not written twice. */
function overlayOrders(existing: readonly Reference[], ours: readonly Reference[], study: OrdersOfStudy): Reference[] {
  const foreign = existing.filter((order) => !isOurOrder(order, study));
  const added = ours.filter((order) => !foreign.some((present) => isSameOrder(present, order)));
  return [...added, ...foreign];
}

/**
 * Ours are logical references by an accession number of our form. An order system writes placer and filler numbers in the form
 * that we do: they count as ours only in a study of our own. A literal reference is ours only where we look orders up.
 */
function isOurOrder({ type, reference, identifier }: Reference, { adopted, lookedUp }: OrdersOfStudy): boolean {
  if (type !== 'ServiceRequest' || identifier === undefined || (reference !== undefined && !lookedUp)) return false;
  return isOurAccession(identifier) || (!adopted && isOrderNumber(identifier));
}

function isOrderNumber({ type }: Identifier): boolean {
  const [only, ...others] = type?.coding ?? [];
  return (
    others.length === 0 && only?.system === IDENTIFIER_TYPE_SYSTEM && (only.code === 'PLAC' || only.code === 'FILL')
  );
}

/** One number can be of two orders in two roles, such as placer and filler number. */
function isSameOrder(present: Reference, ours: Reference): boolean {
  if (isSameTarget(present, ours)) return true;
  if (present.identifier === undefined || ours.identifier === undefined) return false;
  if (!sameIdentifier(present.identifier, ours.identifier)) return false;
  const roles = present.identifier.type?.coding ?? [];
  const ourRoles = ours.identifier.type?.coding ?? [];
  return roles.length === 0 || roles.some((role) => ourRoles.some((own) => sameCoding(role, own)));
}

/** A subject that already points at the Patient keeps what others added to it, such as a display. */
function overlaySubject(existing: Reference | undefined, subject: Reference): Reference {
  return existing !== undefined && isSameTarget(existing, subject) ? existing : subject;
}

/** Literally: the same id on another server is another resource. */
function isSameTarget(one: Reference, other: Reference): boolean {
  return one.reference !== undefined && one.reference === other.reference;
}

/** Marks the note that repeats the study description as ours. */
const NOTE_AUTHOR = 'DICOM Study Description';

function overlayNotes(existing: readonly Annotation[], text: string | undefined): Annotation[] {
  const foreign = existing.filter(({ authorString }) => authorString !== NOTE_AUTHOR);
  return text === undefined ? foreign : [...foreign, { authorString: NOTE_AUTHOR, text }];
}

/** The old DICOM Cast wrote a description as a note of its text alone. Those of descriptions that no instance has cannot be told from a person's. */
function withoutObsolete(existing: readonly Annotation[], texts: readonly string[]): readonly Annotation[] {
  return existing.filter((note) => Object.keys(note).join() !== 'text' || !texts.includes(note.text.trim()));
}

/** Series and instances are ours whole, but for the ids, endpoints and extensions that others put there. */
function* overlayAllSeries(
  existing: readonly ImagingStudySeries[],
  { series, endpointInSeries, instanceExtensions }: ImagingStudyProjection,
  endpoint: Reference,
): Parts<ImagingStudySeries[]> {
  const byUid = new Map(existing.map((old) => [old.uid, old]));
  const ends = partEnds();
  const overlaid: ImagingStudySeries[] = [];
  for (const ours of series) {
    const old = byUid.get(ours.uid);
    const others = (old?.endpoint ?? []).filter((other) => !isSameTarget(other, endpoint));
    const endpoints = endpointInSeries ? [endpoint, ...others] : others;
    const wanted = endpoints.length === 0 ? ours : { ...ours, endpoint: endpoints };
    overlaid.push(yield* overlaySeries(old, wanted, instanceExtensions));
    if (ends(ours.numberOfInstances)) yield;
  }
  return overlaid;
}

function* overlaySeries(
  old: ImagingStudySeries | undefined,
  series: ImagingStudySeries,
  instanceExtensions: readonly string[],
): Parts<ImagingStudySeries> {
  if (old === undefined) return series;
  const ends = partEnds();
  const oldInstances = new Map<string, ImagingStudySeriesInstance>();
  for (const instance of old.instance ?? []) {
    oldInstances.set(instance.uid, instance);
    if (ends()) yield;
  }
  const instance: ImagingStudySeriesInstance[] = [];
  for (const ours of series.instance ?? []) {
    instance.push(overlayInstance(oldInstances.get(ours.uid), ours, instanceExtensions));
    if (ends()) yield;
  }
  return { ...foreignParts(old), ...series, instance };
}

function overlayInstance(
  old: ImagingStudySeriesInstance | undefined,
  instance: ImagingStudySeriesInstance,
  ourExtensions: readonly string[],
): ImagingStudySeriesInstance {
  // Nearly always, and a study can have tens of thousands of them.
  if (old?.id === undefined && old?.extension === undefined && old?.modifierExtension === undefined) return instance;
  const { extension: before = [], ...foreign } = foreignParts(old);
  const extension = [...(instance.extension ?? []), ...before.filter(({ url }) => !ourExtensions.includes(url))];
  return { ...foreign, ...instance, ...(extension.length === 0 ? {} : { extension }) };
}

type ForeignParts = Pick<ImagingStudySeries, 'id' | 'extension' | 'modifierExtension'>;

function foreignParts({ id, extension, modifierExtension }: ForeignParts): ForeignParts {
  return {
    ...(id === undefined ? {} : { id }),
    ...(extension === undefined ? {} : { extension }),
    ...(modifierExtension === undefined ? {} : { modifierExtension }),
  };
}

/** FHIR JSON knows neither empty arrays nor undefined members. */
function withoutEmpty(study: ImagingStudy): ImagingStudy {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(study))
    if (value !== undefined && !(Array.isArray(value) && value.length === 0)) kept[name] = value;
  return kept as unknown as ImagingStudy;
}
