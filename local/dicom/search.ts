import type { InstanceHistory } from './changeFeed';
import { limitOf, offsetOf, type Query } from './changeFeedApi';
import { type DicomJson, type DicomJsonElement, firstText, Tag } from './dicomJson';
import type { InstanceStore } from './instanceStore';
import { dicomJsonReply, emptyReply, type Reply, RequestRefused } from './reply';

export type SearchLevel = 'study' | 'series' | 'instance';

/** Where a search looks. */
export interface SearchScope {
  readonly level: SearchLevel;
  readonly partition: string;
  readonly studyUid?: string;
  readonly seriesUid?: string;
}

/** Attributes by level, in the service's conformance statement: those always returned, then those of `includefield=all`. */
const RETURNED: Readonly<Record<SearchLevel, readonly [preset: Keywords, additional: Keywords]>> = {
  study: [
    {
      StudyDate: '00080020',
      AccessionNumber: '00080050',
      StudyDescription: '00081030',
      ReferringPhysicianName: '00080090',
      PatientName: '00100010',
      PatientID: '00100020',
      PatientBirthDate: '00100030',
      StudyInstanceUID: '0020000D',
    },
    {
      SpecificCharacterSet: '00080005',
      StudyTime: '00080030',
      TimezoneOffsetFromUTC: '00080201',
      ProcedureCodeSequence: '00081032',
      PatientSex: '00100040',
      PatientAge: '00101010',
      StudyID: '00200010',
    },
  ],
  series: [
    {
      Modality: '00080060',
      ManufacturerModelName: '00081090',
      SeriesInstanceUID: '0020000E',
      PerformedProcedureStepStartDate: '00400244',
    },
    {
      SeriesNumber: '00200011',
      Laterality: '00200060',
      SeriesDate: '00080021',
      SeriesTime: '00080031',
      SeriesDescription: '0008103E',
    },
  ],
  instance: [
    { SOPInstanceUID: '00080018' },
    {
      SOPClassUID: '00080016',
      InstanceNumber: '00200013',
      Rows: '00280010',
      Columns: '00280011',
      BitsAllocated: '00280100',
      NumberOfFrames: '00280008',
    },
  ],
};

type Keywords = Readonly<Record<string, string>>;

const COMPUTED: Keywords = {
  ModalitiesInStudy: Tag.ModalitiesInStudy,
  NumberOfStudyRelatedInstances: Tag.NumberOfStudyRelatedInstances,
  NumberOfSeriesRelatedInstances: Tag.NumberOfSeriesRelatedInstances,
};
const TAG_BY_KEYWORD: Keywords = Object.assign({}, COMPUTED, ...Object.values(RETURNED).flat()) as Keywords;
const CONTROL_PARAMETERS: ReadonlySet<string> = new Set(['limit', 'offset', 'includefield', 'fuzzymatching']);
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 200;

/** `GET` of studies, series or instances (QIDO-RS): newest first; 204 when nothing matches. @throws {RequestRefused} */
export function search(
  store: InstanceStore,
  scope: SearchScope,
  query: Query,
  includeFields: readonly string[],
): Reply {
  const limit = limitOf(query, DEFAULT_LIMIT, MAX_LIMIT);
  const offset = offsetOf(query);
  const filters = [...query]
    .filter(([name]) => !CONTROL_PARAMETERS.has(name))
    .map(([name, value]) => filterOf(name, value));
  const includeAll = includeFields.includes('all');
  const included = includeFields.filter((field) => field !== 'all').map(tagOf);
  const returned = [...returnedTags(scope, includeAll), ...included, ...filters.map(({ tag }) => tag)];
  const results = groupsOf(store, scope)
    .map((group) => summaryOf(group, scope.level))
    .filter((summary) => filters.every(({ tag, value }) => matches(summary[tag], value)))
    .slice(offset, offset + limit)
    .map((summary) => pick(summary, returned));
  return results.length === 0 ? emptyReply(204) : dicomJsonReply(200, results);
}

function groupsOf(store: InstanceStore, scope: SearchScope): readonly (readonly InstanceHistory[])[] {
  const { level, partition, seriesUid } = scope;
  const studyUids = scope.studyUid === undefined ? store.studyUids(partition) : [scope.studyUid];
  const studies = studyUids
    .map((uid) => store.instancesOf(partition, uid, seriesUid))
    .filter((group) => group.length > 0);
  const groups = level === 'study' ? studies : studies.flatMap((study) => splitStudy(study, level));
  return groups.toReversed();
}

function splitStudy(study: readonly InstanceHistory[], level: 'series' | 'instance'): readonly InstanceHistory[][] {
  if (level === 'instance') return study.map((instance) => [instance]);
  const seriesUids = [...new Set(study.map((instance) => instance.seriesUid))];
  return seriesUids.map((uid) => study.filter((instance) => instance.seriesUid === uid));
}

/** The first instance speaks for its series and study, with the computed attributes of the level. */
function summaryOf(group: readonly InstanceHistory[], level: SearchLevel): DicomJson {
  const metadata = group[0]?.current?.metadata ?? {};
  const count = { vr: 'IS', Value: [group.length] };
  if (level === 'series') return { ...metadata, [Tag.NumberOfSeriesRelatedInstances]: count };
  if (level === 'instance') return metadata;
  const modalities = group.map((instance) => firstText(instance.current?.metadata ?? {}, Tag.Modality));
  const present = [...new Set(modalities)].filter((modality) => modality !== undefined);
  return {
    ...metadata,
    [Tag.ModalitiesInStudy]: { vr: 'CS', Value: present },
    [Tag.NumberOfStudyRelatedInstances]: count,
  };
}

function returnedTags({ level, studyUid, seriesUid }: SearchScope, includeAll: boolean): readonly string[] {
  const levels: readonly SearchLevel[] = [
    ...(level === 'study' || studyUid === undefined ? (['study'] as const) : []),
    ...(level === 'series' || (level === 'instance' && seriesUid === undefined) ? (['series'] as const) : []),
    ...(level === 'instance' ? (['instance'] as const) : []),
  ];
  const tags = levels.flatMap((one) => RETURNED[one].slice(0, includeAll ? 2 : 1).flatMap((set) => Object.values(set)));
  return [
    ...tags,
    ...(studyUid === undefined ? [] : [Tag.StudyInstanceUID]),
    ...(seriesUid === undefined ? [] : [Tag.SeriesInstanceUID]),
  ];
}

function pick(dataset: DicomJson, tags: readonly string[]): DicomJson {
  const picked: Record<string, DicomJsonElement> = {};
  for (const tag of [...new Set(tags)].sort()) {
    const element = dataset[tag];
    if (element !== undefined) picked[tag] = element;
  }
  return picked;
}

function filterOf(name: string, value: string): { readonly tag: string; readonly value: string } {
  if (value === '') throw new RequestRefused(400, `The query parameter '${name}' has no value.`);
  return { tag: tagOf(name), value };
}

function tagOf(attribute: string): string {
  if (/^[0-9a-f]{8}$/i.test(attribute)) return attribute.toUpperCase();
  const found = Object.entries(TAG_BY_KEYWORD).find(([keyword]) => keyword.toLowerCase() === attribute.toLowerCase());
  if (found === undefined) throw new RequestRefused(400, 'The query names an attribute that cannot be searched.');
  return found[1];
}

function matches(element: DicomJsonElement | undefined, wanted: string): boolean {
  const texts = (element?.Value ?? []).map(searchText);
  if (element?.vr === 'DA' && wanted.includes('-')) {
    const [from = '', to = ''] = wanted.split('-');
    return texts.some((date) => date >= from && (to === '' || date <= to));
  }
  const alternatives = element?.vr === 'UI' ? wanted.split(/[,\\]/) : [wanted];
  return texts.some((text) => alternatives.some((one) => one.toLowerCase() === text.toLowerCase()));
}

function searchText(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'Alphabetic' in value) return searchText(value.Alphabetic);
  return typeof value === 'string' || typeof value === 'number' ? String(value).replaceAll('\0', '').trim() : '';
}
