import fc from 'fast-check';
import type { StudyKey } from '../../../src/dicom/studyKey';
import { type Cast } from '../../../src/cast';
import type { CastRig } from '../../support/castRig';
import { signal } from '../../support/castRig';
import { ctInstance, element, uidsOfOneShard } from '../../support/instances';
import type { QueuedMessage } from '../../support/scriptedQueue';

const PARTITIONS = ['Microsoft.Default', 'Clinic'] as const;
const STUDIES = 3;

/** What happens in the DICOM service. The small numbers choose among few studies, series, instances and patients, so that they meet. */
export type Change =
  | {
      readonly kind: 'store';
      readonly study: number;
      readonly partition: number;
      readonly series: number;
      readonly instance: number;
      /** 0 is no PatientID: the instance is invalid. */
      readonly patient: number;
      readonly description: number;
    }
  | {
      readonly kind: 'delete';
      readonly level: 'study' | 'series' | 'instance';
      readonly study: number;
      readonly partition: number;
      readonly series: number;
      readonly instance: number;
    }
  | {
      readonly kind: 'update';
      readonly study: number;
      readonly partition: number;
      readonly patient: number;
      readonly description: number;
    };

/** What happens at all. `which` and `other` choose a message, whatever the queue holds. */
export type Step =
  | Change
  | { readonly kind: 'pull'; readonly pullers: number }
  | { readonly kind: 'deliver'; readonly which: number }
  | { readonly kind: 'deliver-two'; readonly which: number; readonly other: number }
  | { readonly kind: 'deliver-twice'; readonly which: number }
  | { readonly kind: 'change-during'; readonly which: number; readonly afterTurns: number; readonly change: Change }
  | { readonly kind: 'duplicate'; readonly which: number }
  | { readonly kind: 'replay'; readonly which: number }
  | { readonly kind: 'sweep' };

const small = (last: number, first = 0): fc.Arbitrary<number> => fc.integer({ min: first, max: last });
const where = { study: small(STUDIES - 1), partition: small(1) };
const patient = fc.oneof({ weight: 9, arbitrary: small(2, 1) }, { weight: 1, arbitrary: fc.constant(0) });

const store: fc.Arbitrary<Change> = fc.record({
  kind: fc.constant('store' as const),
  ...where,
  series: small(1),
  instance: small(2),
  patient,
  description: small(1),
});
const deletion: fc.Arbitrary<Change> = fc.record({
  kind: fc.constant('delete' as const),
  level: fc.constantFrom('study' as const, 'series' as const, 'instance' as const),
  ...where,
  series: small(1),
  instance: small(2),
});
const update: fc.Arbitrary<Change> = fc.record({
  kind: fc.constant('update' as const),
  ...where,
  patient: small(2, 1),
  description: small(1),
});
const change = fc.oneof(
  { weight: 6, arbitrary: store },
  { weight: 3, arbitrary: deletion },
  { weight: 1, arbitrary: update },
);
const which = small(7);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: change },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pull' as const), pullers: small(2, 1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('deliver' as const), which }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('deliver-two' as const), which, other: which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('deliver-twice' as const), which }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('change-during' as const), which, afterTurns: small(40), change }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('duplicate' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('replay' as const), which }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'sweep' as const }) },
);

export const histories: fc.Arbitrary<readonly Step[]> = fc.array(step, { minLength: 8, maxLength: 30 });

/** Plays a history with two workers, then lets everything come to rest. */
export class HistoryPlayer {
  private readonly workers: readonly [Cast, Cast];

  constructor(private readonly rig: CastRig) {
    this.workers = [rig.cast, rig.createCast(rig.createClients())];
  }

  async play(steps: readonly Step[]): Promise<void> {
    for (const each of steps) await this.do(each);
    await this.comeToRest();
  }

  /** Every study that there ever was is looked at once more. @returns how many versions that made on the FHIR server */
  async furtherRound(): Promise<number> {
    const before = this.rig.fhir.writes;
    for (const study of allStudies()) await this.rig.queue.send({ study, changes: [] }, {});
    for (const text of [...this.rig.queue.sent]) this.rig.queue.put(text);
    await this.drain();
    return this.rig.fhir.writes - before;
  }

  private async do(each: Step): Promise<void> {
    const { rig, workers } = this;
    switch (each.kind) {
      case 'store':
      case 'delete':
      case 'update':
        applyChange(rig, each);
        return;
      case 'pull':
        await Promise.all(workers.slice(0, each.pullers).map((cast) => cast.pull(signal())));
        return;
      case 'deliver':
        await this.deliverAll([this.message(each.which)]);
        return;
      case 'deliver-two':
        await this.deliverAll([this.message(each.which), this.message(each.other)]);
        return;
      case 'deliver-twice':
        await this.deliverTwice(this.message(each.which));
        return;
      case 'change-during':
        await Promise.all([
          this.deliverAll([this.message(each.which)]),
          turns(each.afterTurns).then(() => {
            applyChange(rig, each.change);
          }),
        ]);
        return;
      case 'duplicate': {
        const message = this.message(each.which);
        if (message !== undefined) rig.queue.put(message.text);
        return;
      }
      case 'replay': {
        const text = rig.queue.sent[each.which % Math.max(1, rig.queue.sent.length)];
        if (text !== undefined) rig.queue.put(text);
        return;
      }
      case 'sweep':
        rig.advance(3_600_000);
        await rig.cast.sweepMarks(signal());
        return;
    }
  }

  private message(number: number): QueuedMessage | undefined {
    const visible = this.rig.queue.visible();
    return visible[number % Math.max(1, visible.length)];
  }

  /** Each message by a worker of its own, at the same time. */
  private async deliverAll(messages: readonly (QueuedMessage | undefined)[]): Promise<void> {
    const different = [...new Set(messages)].filter((message) => message !== undefined);
    await Promise.all(different.map((message, index) => this.rig.deliver(message, this.workers[index % 2])));
  }

  /** The lease of the first delivery runs out while it still works: a second worker gets the same message. */
  private async deliverTwice(message: QueuedMessage | undefined): Promise<void> {
    if (message === undefined) return;
    const first = this.rig.deliver(message, this.workers[0]);
    this.rig.queue.redeliver(message);
    const again = this.rig.queue.visible().find(({ id }) => id === message.id);
    await Promise.all([first, again === undefined ? undefined : this.rig.deliver(again, this.workers[1])]);
  }

  private async comeToRest(): Promise<void> {
    await this.rig.cast.pull(signal());
    await this.drain();
    this.rig.advance(3_600_000);
    await this.rig.cast.sweepMarks(signal());
    await this.drain();
  }

  private async drain(): Promise<void> {
    const { queue } = this.rig;
    for (let rounds = 0; queue.length > 0; rounds++) {
      if (rounds > 500) throw new Error('The queue does not come to rest');
      const [one, two] = queue.visible();
      if (one === undefined) this.rig.advance(Math.max(0, (queue.nextVisibleAtMs() ?? 0) - this.rig.now().getTime()));
      else await this.deliverAll([one, two]);
    }
  }
}

function applyChange(rig: CastRig, change: Change): void {
  const uid = studyUid(change.study);
  const partition = PARTITIONS[change.partition] ?? 'Microsoft.Default';
  switch (change.kind) {
    case 'store': {
      const { series, instance } = uidsOf(change);
      // Refused when it is there already, as the real service does.
      rig.dicom.offer(
        [ctInstance({ study: uid, series, instance, ...contentOf(change.patient, change.description) })],
        partition,
      );
      return;
    }
    case 'delete': {
      const { series, instance } = uidsOf(change);
      if (change.level === 'study') rig.dicom.deleteStudy(uid, partition);
      else if (change.level === 'series') rig.dicom.deleteSeries(uid, series, partition);
      else rig.dicom.deleteInstance(uid, series, instance, partition);
      return;
    }
    case 'update':
      rig.dicom.update(uid, contentOf(change.patient, change.description), partition);
      return;
  }
}

function contentOf(patientNumber: number, description: number) {
  return {
    '00100020': patientNumber === 0 ? element('LO') : element('LO', `PATIENT-${patientNumber}`),
    '00081030': element('LO', `Description ${description}`),
  };
}

function uidsOf({ study, series, instance }: { study: number; series: number; instance: number }) {
  const seriesUid = `${studyUid(study)}.${series + 1}`;
  return { series: seriesUid, instance: `${seriesUid}.${instance + 1}` };
}

const UIDS = uidsOfOneShard(STUDIES);

function studyUid(study: number): string {
  return UIDS[study] ?? '';
}

function allStudies(): readonly StudyKey[] {
  return Array.from({ length: STUDIES }, (_, study) => studyUid(study)).flatMap((uid) =>
    PARTITIONS.map((partition) => ({ partition, uid })),
  );
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
