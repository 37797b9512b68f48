import { ChangeFeed, type ChangeFeedRow, type Gaps, type InstanceHistory, InstanceVersion } from './changeFeed';
import { type DicomJson, firstText, Tag, withoutBulkData } from './dicomJson';
import { isUid } from './storable';

export interface InstanceKey {
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly instanceUid: string;
}

/** Codes of (0008,1197) Failure Reason in a store response. */
export const FailureReason = { processingFailure: 272, validation: 43264, otherStudy: 43265, exists: 45070 } as const;

export type StoreOutcome =
  | { readonly kind: 'stored'; readonly key: InstanceKey; readonly sopClassUid: string; readonly sequence: number }
  | {
      readonly kind: 'rejected';
      readonly sopClassUid: string | undefined;
      readonly instanceUid: string | undefined;
      readonly failureReason: number;
      readonly comment: string;
    };

export interface Partition {
  readonly name: string;
  readonly key: number;
  readonly createdDate: string;
}

type Series = Map<string, InstanceHistory>;
type Study = Map<string, Series>;

/** What is stored now, by partition, study and series, and the feed of how it came to be. All of it synchronous. */
export class InstanceStore {
  readonly feed: ChangeFeed;
  private readonly live = new Map<string, Map<string, Study>>();
  private readonly histories = new Map<string, InstanceHistory>();
  private readonly partitionList: Partition[] = [];
  private watermark = 0;

  constructor(
    gaps: Gaps,
    private readonly now: () => number,
    private readonly defaultPartition: string,
  ) {
    this.feed = new ChangeFeed(gaps, now);
    this.addPartition(defaultPartition);
  }

  get partitions(): readonly Partition[] {
    return this.partitionList;
  }

  hasPartition(name: string): boolean {
    return this.live.has(name);
  }

  /** Stores one instance; one that is already there is rejected and stays as it is. */
  store(dataset: DicomJson, partition = this.defaultPartition, expectedStudyUid?: string): StoreOutcome {
    const sopClassUid = firstText(dataset, Tag.SOPClassUID);
    const studyUid = firstText(dataset, Tag.StudyInstanceUID);
    const seriesUid = firstText(dataset, Tag.SeriesInstanceUID);
    const instanceUid = firstText(dataset, Tag.SOPInstanceUID);
    const reject = (failureReason: number, comment: string): StoreOutcome => ({
      kind: 'rejected',
      sopClassUid,
      instanceUid,
      failureReason,
      comment,
    });
    if (!isUid(studyUid)) return reject(FailureReason.validation, 'StudyInstanceUID is missing or invalid');
    if (!isUid(seriesUid)) return reject(FailureReason.validation, 'SeriesInstanceUID is missing or invalid');
    if (!isUid(instanceUid)) return reject(FailureReason.validation, 'SOPInstanceUID is missing or invalid');
    if (!isUid(sopClassUid)) return reject(FailureReason.validation, 'SOPClassUID is missing or invalid');
    if (expectedStudyUid !== undefined && expectedStudyUid !== studyUid) {
      return reject(FailureReason.otherStudy, 'StudyInstanceUID differs from the one in the request');
    }
    const key = { studyUid, seriesUid, instanceUid };
    const history = this.historyOf(partition, key);
    if (history.current !== undefined) return reject(FailureReason.exists, 'The instance is already stored');
    this.seriesOf(partition, key).set(instanceUid, history);
    const row = this.putVersion('Create', history, dataset);
    return { kind: 'stored', key, sopClassUid, sequence: row.sequence };
  }

  /** Sets attributes of every instance of a study, each of which gets an `Update` row. @returns how many there were */
  update(studyUid: string, changes: DicomJson, partition = this.defaultPartition): number {
    const instances = this.instancesOf(partition, studyUid);
    for (const instance of instances) {
      this.putVersion('Update', instance, { ...instance.current?.metadata, ...changes });
    }
    return instances.length;
  }

  /** Deletes a study, or one series or instance of it. @returns how many instances were deleted; 0 when there are none */
  delete(partition: string, studyUid: string, seriesUid?: string, instanceUid?: string): number {
    const instances = this.instancesOf(partition, studyUid, seriesUid, instanceUid);
    for (const instance of instances) {
      this.remove(instance);
      this.feed.append('Delete', instance, instance.current?.watermark ?? 0);
      instance.current = undefined;
    }
    return instances.length;
  }

  /** The live instances of a study, series or single instance in the order of their first store. */
  instancesOf(
    partition: string,
    studyUid: string,
    seriesUid?: string,
    instanceUid?: string,
  ): readonly InstanceHistory[] {
    const study = this.live.get(partition)?.get(studyUid);
    if (study === undefined) return [];
    const seriesList = seriesUid === undefined ? [...study.values()] : present(study.get(seriesUid));
    if (instanceUid !== undefined) return seriesList.flatMap((series) => present(series.get(instanceUid)));
    return seriesList.flatMap((series) => [...series.values()]);
  }

  studyUids(partition: string): readonly string[] {
    return [...(this.live.get(partition)?.keys() ?? [])];
  }

  historyFor(partition: string, key: InstanceKey): InstanceHistory | undefined {
    return this.histories.get(historyKey(partition, key));
  }

  private putVersion(action: 'Create' | 'Update', instance: InstanceHistory, dataset: DicomJson): ChangeFeedRow {
    this.watermark += 1;
    instance.current = new InstanceVersion(this.watermark, withoutBulkData(dataset));
    return this.feed.append(action, instance, this.watermark);
  }

  private historyOf(partition: string, key: InstanceKey): InstanceHistory {
    const id = historyKey(partition, key);
    const known = this.histories.get(id);
    if (known !== undefined) return known;
    const history: InstanceHistory = { partition, ...key, current: undefined, metadataLost: false };
    this.histories.set(id, history);
    return history;
  }

  private seriesOf(partition: string, key: InstanceKey): Series {
    if (!this.live.has(partition)) this.addPartition(partition);
    const studies = this.live.get(partition) ?? new Map<string, Study>();
    const study = studies.get(key.studyUid) ?? new Map<string, Series>();
    const series: Series = study.get(key.seriesUid) ?? new Map<string, InstanceHistory>();
    studies.set(key.studyUid, study);
    study.set(key.seriesUid, series);
    return series;
  }

  private remove({ partition, studyUid, seriesUid, instanceUid }: InstanceHistory): void {
    const studies = this.live.get(partition);
    const study = studies?.get(studyUid);
    const series = study?.get(seriesUid);
    series?.delete(instanceUid);
    if (series?.size === 0) study?.delete(seriesUid);
    if (study?.size === 0) studies?.delete(studyUid);
  }

  private addPartition(name: string): void {
    this.live.set(name, new Map());
    const createdDate = new Date(this.now()).toISOString();
    this.partitionList.push({ name, key: this.partitionList.length + 1, createdDate });
  }
}

function historyKey(partition: string, { studyUid, seriesUid, instanceUid }: InstanceKey): string {
  return [partition, studyUid, seriesUid, instanceUid].join('|');
}

function present<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}
