import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { DicomJson } from '../../../local/dicom/dicomJson';
import type { FhirServerOptions } from '../../../local/fhir';
import type { AzuriteForTests } from '../../support/azurite';
import { CastRig, type RigWorker } from '../../support/castRig';
import { ctInstance, testUid } from '../../support/instances';
import { violationsOf } from '../../support/oracle';
import type { QueuedMessage } from '../../support/scriptedQueue';
import type { BrokenRule } from './brokenRules';

export const STUDY = testUid(7);
export const SERIES = `${STUDY}.1`;
export const A = ctInstance({ study: STUDY, instance: `${SERIES}.1` });
export const B = ctInstance({ study: STUDY, instance: `${SERIES}.2` });

/** Conditional creates look, wait, and create: long enough for two workers to meet. */
export const RACY = { preset: 'worst', raceWindowMs: 200 } as const;

/** An order of steps, played on a rig. @returns what breaks the invariant when everything has come to rest */
export type Play = (scene: Scene, worker: (name: string) => RigWorker) => Promise<readonly string[]>;

export interface Loss {
  readonly rule: BrokenRule;
  /** What goes wrong without the rule. */
  readonly loss: RegExp;
}

/** Plays the same order once as the code is, and once for each rule that is taken out: then exactly that has to go wrong. */
export function played(
  azurite: AzuriteForTests,
  name: string,
  play: Play,
  losses: readonly Loss[],
  switches: FhirServerOptions['switches'] = 'good',
): void {
  describe(name, () => {
    let scene: Scene;
    beforeEach(async () => {
      scene = new Scene(await CastRig.start(azurite, { switches }));
    });
    afterEach(async () => {
      await scene.rig.stop();
    });

    it('converges', async () => {
      expect(await play(scene, (worker) => scene.rig.worker(worker))).toEqual([]);
    });
    it.each(losses)('goes wrong $rule.name', async ({ rule, loss }) => {
      const broken = (worker: string): RigWorker => scene.rig.worker(worker, (parts) => rule.change(parts, scene.rig));
      expect(await play(scene, broken)).toContainEqual(expect.stringMatching(loss));
    });
  });
}

export class Scene {
  constructor(readonly rig: CastRig) {}

  /** The message for what has happened since the last one. */
  async nextMessage(): Promise<QueuedMessage> {
    const before = new Set(this.rig.queue.visible().map(({ id }) => id));
    await this.rig.pull();
    const message = this.rig.queue.visible().find(({ id }) => !before.has(id));
    if (message === undefined) throw new Error('There is no new message');
    return message;
  }

  /** The same message, delivered although somebody still works on it. */
  again(message: QueuedMessage): QueuedMessage {
    this.rig.queue.redeliver(message);
    const visible = this.rig.queue.visible().find(({ id }) => id === message.id);
    if (visible === undefined) throw new Error('The message is gone');
    return visible;
  }

  async stored(...instances: readonly DicomJson[]): Promise<void> {
    this.rig.dicom.store(instances);
    await this.rig.pull();
    await this.rig.drain();
  }

  remove(instance: DicomJson): void {
    this.rig.dicom.deleteInstance(STUDY, SERIES, String(instance['00080018']?.Value?.[0]));
  }

  /** Comes to rest, but for old marks: those are the sweep's. */
  async rest(): Promise<readonly string[]> {
    await this.rig.pull();
    await this.rig.drain();
    return violationsOf(this.rig);
  }

  /** The next transactions are refused for good. */
  refuseTransactions(count: number): void {
    let left = count;
    this.rig.fhir.intercept = ({ kind }) => {
      if (kind !== 'transaction' || left === 0) return undefined;
      left--;
      return {
        status: 400,
        body: JSON.stringify({ resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'invalid' }] }),
      };
    };
  }
}

/** The dose report of a vector of the mapping. */
export function doseReport(vector: number): DicomJson {
  const text = readFileSync(resolve(__dirname, '../../fixtures/dose-reports/dose-reports.ndjson'), 'utf8');
  const report = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly vector: number; readonly dicom: DicomJson })
    .find((line) => line.vector === vector);
  if (report === undefined) throw new Error(`There is no dose report for vector ${vector}`);
  return report.dicom;
}
