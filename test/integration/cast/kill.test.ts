import { randomUUID } from 'node:crypto';
import type { Cast } from '../../../src/cast';
import { isMarkKey } from '../../../src/failures/tableKeys';
import { useAzurite } from '../../support/azurite';
import { CastRig } from '../../support/castRig';
import { ctInstance, element, testUid, uidsOfOneShard } from '../../support/instances';
import { locksRunOut } from '../../support/locksRunOut';
import { violationsOf } from '../../support/oracle';
import type { QueuedMessage } from '../../support/scriptedQueue';
import { isThorough, sampleOf } from '../../support/thorough';
import { type Death, startMortalCast } from './mortal';

const azurite = useAzurite();

interface Scenario {
  readonly name: string;
  /** What was there before, brought up to date by a process that lives. */
  readonly before: (rig: CastRig) => Promise<void>;
  /** What the process that dies has to do. */
  readonly work: (rig: CastRig, cast: Cast, signal: AbortSignal) => Promise<unknown>;
  /** What ends before the next process starts. */
  readonly after?: (rig: CastRig) => void;
  /** At least so many requests must have been seen, or the scenario does not do what its name says. */
  readonly atLeast: number;
}

const study = testUid(1);
const studiesOfOneMessage = uidsOfOneShard(3);
const twoInstances = [ctInstance({ study }), ctInstance({ study, instance: `${study}.1.2`, instanceNumber: 2 })];

/** One message of the study is waiting. */
async function withChange(rig: CastRig, change: () => void): Promise<void> {
  change();
  await rig.pull();
}

async function stored(rig: CastRig): Promise<void> {
  rig.dicom.store(twoInstances);
  await rig.settle();
}

const deliverFirst: Scenario['work'] = async (rig, cast, until) => {
  const [message] = rig.queue.visible();
  if (message === undefined) throw new Error('No message waits');
  const taken = rig.queue.receive(message);
  await cast.syncStudy(JSON.parse(taken.text), deliveryOf(taken), until);
  rig.queue.complete(taken);
};

function deliveryOf({ id, popReceipt, dequeueCount }: QueuedMessage) {
  return { messageId: id, popReceipt, dequeueCount, invocationId: randomUUID() };
}

const scenarios: readonly Scenario[] = [
  {
    name: 'pulls the change feed',
    before: (rig) => {
      rig.dicom.store([...twoInstances, ctInstance({ study: testUid(2), patientId: 'PATIENT-2' })]);
      return Promise.resolve();
    },
    work: (_, cast, until) => cast.pull(until),
    atLeast: 8,
  },
  {
    name: 'creates a study, its Patient and the Endpoint',
    before: (rig) => withChange(rig, () => rig.dicom.store(twoInstances)),
    work: deliverFirst,
    atLeast: 15,
  },
  {
    name: 'creates three studies of one message, their Patients and the Endpoint',
    before: (rig) =>
      withChange(rig, () =>
        rig.dicom.store(
          studiesOfOneMessage.map((uid, index) => ctInstance({ study: uid, patientId: `PATIENT-${index}` })),
        ),
      ),
    work: deliverFirst,
    atLeast: 15,
  },
  {
    name: 'updates two studies of one message and gives a third one, which has a failed entry, a message of its own',
    before: async (rig) => {
      rig.dicom.store(studiesOfOneMessage.map((uid) => ctInstance({ study: uid })));
      const [first = ''] = studiesOfOneMessage;
      rig.dicom.store(ctInstance({ study: first, instance: `${first}.1.3`, '00100020': element('LO') }));
      await rig.settle();
      expect(await rig.failures()).toHaveLength(1);
      await withChange(rig, () => {
        for (const uid of studiesOfOneMessage) rig.dicom.update(uid, { '00081030': element('LO', 'Another') });
      });
    },
    work: deliverFirst,
    atLeast: 10,
  },
  {
    name: 'updates a study',
    before: async (rig) => {
      await stored(rig);
      await withChange(rig, () => rig.dicom.update(study, { '00081030': element('LO', 'Another description') }));
    },
    work: deliverFirst,
    atLeast: 7,
  },
  {
    name: 'takes an instance out of a study',
    before: async (rig) => {
      await stored(rig);
      await withChange(rig, () => rig.dicom.deleteInstance(study, `${study}.1`, `${study}.1.2`));
    },
    work: deliverFirst,
    atLeast: 7,
  },
  {
    name: 'deletes a study',
    before: async (rig) => {
      await stored(rig);
      await withChange(rig, () => rig.dicom.deleteStudy(study));
    },
    work: deliverFirst,
    atLeast: 6,
  },
  {
    name: 'files an instance without a PatientID, and stores the others',
    before: (rig) =>
      withChange(rig, () =>
        rig.dicom.store([...twoInstances, ctInstance({ study, instance: `${study}.1.3`, '00100020': element('LO') })]),
      ),
    work: deliverFirst,
    atLeast: 15,
  },
  {
    name: 'clears the row of an instance that is gone',
    before: async (rig) => {
      const invalid = ctInstance({ study, instance: `${study}.1.3`, '00100020': element('LO') });
      rig.dicom.store([...twoInstances, invalid]);
      await rig.settle();
      expect(await rig.failures()).toHaveLength(1);
      await withChange(rig, () => rig.dicom.deleteInstance(study, `${study}.1`, `${study}.1.3`));
    },
    work: deliverFirst,
    atLeast: 7,
  },
  {
    name: 'defers a study because the FHIR server is down',
    before: async (rig) => {
      await withChange(rig, () => rig.dicom.store(twoInstances));
      rig.fhir.intercept = () => ({ status: 503 });
    },
    work: deliverFirst,
    after: (rig) => {
      rig.fhir.intercept = undefined;
    },
    atLeast: 5,
  },
  {
    name: 'defers a study because the answer to its transaction got lost',
    before: async (rig) => {
      await withChange(rig, () => rig.dicom.store(twoInstances));
      rig.fhir.intercept = ({ kind }) => (kind === 'transaction' ? { destroy: 'after' } : undefined);
    },
    work: deliverFirst,
    after: (rig) => {
      rig.fhir.intercept = undefined;
    },
    atLeast: 14,
  },
];

async function marksLeft(rig: CastRig): Promise<number> {
  let count = 0;
  for await (const { rowKey = '' } of rig.clients.failedEntriesTable.listEntities()) if (isMarkKey(rowKey)) count++;
  return count;
}

/** All requests of a process that nobody kills, in their order. */
async function requestsOf(scenario: Scenario): Promise<readonly string[]> {
  const rig = await CastRig.start(azurite);
  try {
    await scenario.before(rig);
    const mortal = await startMortalCast(rig, azurite, { atRequest: Infinity, when: 'before' });
    try {
      await mortal.outlives((cast, until) => scenario.work(rig, cast, until)).catch(() => undefined);
      return mortal.requests;
    } finally {
      await mortal.stop();
    }
  } finally {
    await rig.stop();
  }
}

/** Kills a process at one request, starts another one and looks at what there is then. @returns whether it died */
async function diesAt(scenario: Scenario, { atRequest, when }: Death): Promise<boolean> {
  const rig = await CastRig.start(azurite);
  try {
    await scenario.before(rig);
    const mortal = await startMortalCast(rig, azurite, { atRequest, when });
    try {
      const survived = await mortal.outlives((cast, until) => scenario.work(rig, cast, until));
      const fatal = survived ? undefined : `${when} request ${atRequest}, ${mortal.requests.at(-1) ?? ''}`;
      scenario.after?.(rig);
      await locksRunOut(rig.clients.patientLocks);
      // Message leases run out as well, and deferred copies become visible: the clock moves on as far as there is something to wait for.
      const next = rig.createCast(rig.createClients());
      await rig.settle(next);
      expect({ fatal, violations: await violationsOf(rig) }).toEqual({ fatal, violations: [] });
      expect({ fatal, marksLeft: await marksLeft(rig) }).toEqual({ fatal, marksLeft: 0 });
      const before = rig.fhir.writes;
      await rig.queue.send({ study: { partition: 'Microsoft.Default', uid: study }, changes: [] }, {});
      await rig.settle(next);
      expect({ fatal, writesOfAnotherRound: rig.fhir.writes - before }).toEqual({ fatal, writesOfAnotherRound: 0 });
      return !survived;
    } finally {
      await mortal.stop();
    }
  } finally {
    await rig.stop();
  }
}

/** Every death that differs: after a read it is as before the next request, because nobody has seen the answer. */
const deathsOf = (requests: readonly string[]): readonly NamedDeath[] =>
  requests.flatMap((request, index) =>
    (/ (GET|depth)/.test(request) ? (['before'] as const) : (['before', 'after'] as const)).map((when) => ({
      atRequest: index + 1,
      when,
      request,
    })),
  );

interface NamedDeath extends Death {
  readonly request: string;
}

describe(`a process that dies at ${isThorough ? 'any' : 'some'} of its requests while it`, () => {
  it.each(scenarios)(
    '$name loses nothing',
    async (scenario) => {
      const requests = await requestsOf(scenario);
      expect(requests.length).toBeGreaterThanOrEqual(scenario.atLeast);
      const deaths = sampleOf(deathsOf(requests), 0.2, ({ when }) => when);
      const survived: NamedDeath[] = [];
      for (const death of deaths) if (!(await diesAt(scenario, death))) survived.push(death);
      // The last request is made in each run; what several do at once may be one less in some.
      expect(survived.length).toBeLessThan(deaths.length / 4);
    },
    180_000,
  );
});
