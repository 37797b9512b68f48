import type { Client } from 'pg';
import type { Plan } from './scenes';
import { TICK_MS, type StorageClock } from './clock';
import { insertRow, PATIENT, SCHEMA, type World } from './world';

/** The longest time from the last upload to BEGIN: the one thing that the rule of time assumes, with the grace as its bound. */
export const LONGEST_PUT_TO_BEGIN_MS = 2 * TICK_MS;

type State = 'idle' | 'unanswered' | 'stored' | 'begun' | 'waiting' | 'inserted' | 'prepared' | 'committed' | 'failed';

/** Whether a step is to be taken soon, or is the more telling the later it comes. */
export type Urgency = 'now' | 'soon' | 'late' | 'never';

/** A request that stores a payload and then its row, as the FHIR server does it, on a real session; it can stop before any step. */
export class Writer {
  readonly name: string;
  isLive = false;
  wasLive = false;
  isDone = false;
  uploads = 0;
  /** of the storage, when the name was last written */
  storedAt: Date | undefined;
  private state: State = 'idle';
  private storedMs = 0;
  private holds: 'not-yet' | 'held' | 'released';
  private locking: Promise<unknown> | undefined;
  private readonly logicalId: string;
  private readonly key: string;

  constructor(
    private readonly world: World,
    private readonly clock: StorageClock,
    private readonly session: Client,
    private readonly holder: Client,
    private readonly rowId: number,
    private readonly plan: Plan,
    private readonly log: (event: string) => void,
  ) {
    this.logicalId = `race-${rowId}`;
    this.key = `00000000-0000-4000-9000-${String(rowId).padStart(12, '0')}`;
    this.name = `${PATIENT}/${this.logicalId}/1/${this.key}`;
    this.holds = this.plan.waitsInLock ? 'not-yet' : 'released';
  }

  /** @returns whether time may pass: not while the bound on the time to BEGIN would be broken */
  letsTimePass(): boolean {
    return this.state !== 'stored' || this.clock.nowMs + TICK_MS - this.storedMs <= LONGEST_PUT_TO_BEGIN_MS;
  }

  urgency(): Urgency {
    if (this.isDone) return 'never';
    switch (this.state) {
      case 'stored':
        return this.plan.beginsLate ? 'late' : 'now';
      case 'unanswered':
        return 'soon';
      case 'inserted':
        return this.plan.prepares ? 'now' : 'late';
      case 'waiting':
      case 'prepared':
      case 'committed':
      case 'failed':
        return 'late';
      case 'idle':
        return this.plan.storesLate ? 'late' : 'now';
      case 'begun':
        return 'now';
    }
  }

  async step(): Promise<void> {
    switch (this.state) {
      case 'idle':
        if (this.plan.waitsInLock) await this.hold();
        await this.upload();
        this.state = this.plan.uploadsTwice ? 'unanswered' : 'stored';
        return;
      case 'unanswered':
        await this.upload();
        this.state = 'stored';
        return;
      case 'stored':
        if (this.plan.ending === 'never-begin') {
          await this.release();
          this.fail('gives up');
          return;
        }
        this.log('begins');
        await this.session.query('begin');
        this.state = 'begun';
        return;
      case 'begun':
        return this.lock();
      case 'waiting':
        this.log('gets the lock');
        await this.release();
        await this.locking;
        return this.insert();
      case 'inserted':
        return this.plan.prepares ? this.prepare() : this.end('commit', 'rollback');
      case 'prepared':
        return this.end(`commit prepared '${this.logicalId}'`, `rollback prepared '${this.logicalId}'`);
      case 'committed':
        return this.after();
      case 'failed':
        await this.cleanUp('cleans up');
        this.isDone = true;
    }
  }

  /** Ends what is still open. */
  async close(): Promise<void> {
    await this.release();
    await this.locking;
    if (this.state === 'prepared') await this.session.query(`rollback prepared '${this.logicalId}'`);
    if (['begun', 'waiting', 'inserted'].includes(this.state)) await this.session.query('rollback');
  }

  private async upload(): Promise<void> {
    this.log('stores the payload');
    const { etag } = await this.world.blobs.getBlockBlobClient(this.name).upload('{}', 2);
    this.clock.wrote(etag);
    this.uploads += 1;
    this.storedMs = this.clock.nowMs;
    this.storedAt = this.clock.date();
  }

  private async hold(): Promise<void> {
    await this.holder.query(`insert into ${SCHEMA}.logical_resource_ident values (104, '${this.logicalId}', 0)`);
    await this.holder.query('begin');
    await this.holder.query(this.lockStatement());
    this.holds = 'held';
  }

  private async release(): Promise<void> {
    if (this.holds === 'held') await this.holder.query('commit');
    this.holds = 'released';
  }

  private lockStatement(): string {
    return `select from ${SCHEMA}.logical_resource_ident where logical_id = '${this.logicalId}' for update`;
  }

  /** Before the first change the session has no transaction id, however long it waits. */
  private async lock(): Promise<void> {
    if (this.holds !== 'held') return this.insert();
    this.log('waits in a lock');
    this.locking = this.session.query(this.lockStatement());
    for (;;) {
      const { rows } = await this.world.observer.query('select from pg_locks where not granted');
      if (rows.length > 0) break;
    }
    this.state = 'waiting';
  }

  private async insert(): Promise<void> {
    this.log('inserts');
    await this.session.query(insertRow(this.rowId, this.logicalId, this.key, this.clock.date().toISOString()));
    this.state = 'inserted';
  }

  private async prepare(): Promise<void> {
    this.log('prepares');
    await this.session.query(`prepare transaction '${this.logicalId}'`);
    this.state = 'prepared';
  }

  private async end(commit: string, rollBack: string): Promise<void> {
    if (this.plan.ending !== 'commit') {
      await this.session.query(rollBack);
      this.fail('rolls back');
      return;
    }
    this.log('commits');
    await this.session.query(commit);
    this.isLive = this.wasLive = true;
    this.state = 'committed';
    this.isDone = this.plan.afterwards === 'nothing';
  }

  private fail(event: string): void {
    this.log(event);
    this.state = 'failed';
    this.isDone = !this.plan.cleansUp || this.plan.ending === 'crash';
  }

  private async after(): Promise<void> {
    if (this.plan.afterwards === 'overwrite') await this.upload();
    else {
      this.log('erases');
      this.isLive = false;
      await this.session.query(`delete from ${SCHEMA}.patient_resources where resource_id = ${this.rowId};
        delete from ${SCHEMA}.patient_logical_resources where logical_resource_id = ${this.rowId}`);
      if (this.plan.afterwards === 'erase') await this.cleanUp('removes the payload');
    }
    this.isDone = true;
  }

  private async cleanUp(event: string): Promise<void> {
    this.log(event);
    await this.world.blobs.getBlockBlobClient(this.name).deleteIfExists();
    this.storedAt = undefined;
  }
}
