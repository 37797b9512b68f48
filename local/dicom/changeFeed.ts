import type { DicomJson } from './dicomJson';

export type ChangeAction = 'Create' | 'Update' | 'Delete';
export type ChangeState = 'Current' | 'Replaced' | 'Deleted';

/** One stored version of an instance. */
export class InstanceVersion {
  /** The metadata as JSON: read many times, so written once, and kept as nothing else. */
  readonly metadataText: string;

  /** @param watermark unique and increasing over all versions of all instances */
  constructor(
    readonly watermark: number,
    metadata: DicomJson,
  ) {
    this.metadataText = JSON.stringify(metadata);
  }

  get metadata(): DicomJson {
    return JSON.parse(this.metadataText) as DicomJson;
  }
}

/** An instance over its whole life: it keeps its identity through deletes and new stores. */
export interface InstanceHistory {
  readonly partition: string;
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly instanceUid: string;
  /** undefined while the instance is deleted. */
  current: InstanceVersion | undefined;
  /** Makes reading its metadata fail, as a lost blob does in the real service. */
  metadataLost: boolean;
}

/** A row of the feed. Its state and metadata are those of the instance now, not of the moment of the change. */
export interface ChangeFeedRow {
  readonly sequence: number;
  readonly timestamp: string;
  readonly timestampMs: number;
  readonly action: ChangeAction;
  readonly instance: InstanceHistory;
  readonly originalWatermark: number;
}

/** @returns `Deleted` while the instance is deleted, `Current` for the row of its present version, else `Replaced` */
export function stateOf(row: ChangeFeedRow): ChangeState {
  if (row.instance.current === undefined) return 'Deleted';
  return row.instance.current.watermark === row.originalWatermark ? 'Current' : 'Replaced';
}

/** Numbers to leave out before the next row, as rolled-back transactions do. */
export type Gaps = number | ((lastSequence: number) => number);

/** The append-only list of changes over all partitions. */
export class ChangeFeed {
  private readonly rows: ChangeFeedRow[] = [];
  private sequence = 0;

  constructor(
    private readonly gaps: Gaps,
    private readonly now: () => number,
  ) {}

  /** The highest sequence of a row; 0 when there is none. */
  get latestSequence(): number {
    return this.rows.at(-1)?.sequence ?? 0;
  }

  append(action: ChangeAction, instance: InstanceHistory, originalWatermark: number): ChangeFeedRow {
    this.sequence += 1 + (typeof this.gaps === 'number' ? this.gaps : this.gaps(this.sequence));
    const timestampMs = this.now();
    const timestamp = timestampText(timestampMs, this.sequence);
    const row = { sequence: this.sequence, timestamp, timestampMs, action, instance, originalWatermark };
    this.rows.push(row);
    return row;
  }

  /** Leaves numbers out: the next row's sequence is that much higher. */
  skip(count: number): void {
    this.sequence += count;
  }

  latest(): ChangeFeedRow | undefined {
    return this.rows.at(-1);
  }

  /** API v1: the rows with `offset < sequence <= offset + width`. */
  window(offset: number, width: number): readonly ChangeFeedRow[] {
    const start = this.firstAfter(offset);
    const rows: ChangeFeedRow[] = [];
    for (let index = start; index < this.rows.length; index++) {
      const row = this.rows[index];
      if (row === undefined || row.sequence > offset + width) break;
      rows.push(row);
    }
    return rows;
  }

  /** API v2: the rows of a span of time (start inclusive, end exclusive) by time and sequence. */
  between(startMs: number, endMs: number, skip: number, count: number): readonly ChangeFeedRow[] {
    return this.rows
      .filter((row) => row.timestampMs >= startMs && row.timestampMs < endMs)
      .sort((a, b) => a.timestampMs - b.timestampMs || a.sequence - b.sequence)
      .slice(skip, skip + count);
  }

  private firstAfter(offset: number): number {
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.rows[middle]?.sequence ?? 0) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** ISO 8601 with seven fractional digits and an offset, as SQL Server's clock is written. */
function timestampText(timestampMs: number, sequence: number): string {
  const ticks = String(sequence % 10_000).padStart(4, '0');
  return new Date(timestampMs).toISOString().replace('Z', `${ticks}+00:00`);
}
