import type { Random } from '../chaos/random';

/** What one request of the FHIR server will do. */
export interface Plan {
  /** the answer to the first upload is lost, so the same name is uploaded again, at any time */
  readonly uploadsTwice: boolean;
  readonly storesLate: boolean;
  /** begins as late as it may */
  readonly beginsLate: boolean;
  /** somebody else holds the row that it locks first */
  readonly waitsInLock: boolean;
  readonly prepares: boolean;
  readonly ending: 'commit' | 'roll-back' | 'crash' | 'never-begin';
  /** of a request that failed */
  readonly cleansUp: boolean;
  readonly afterwards: 'nothing' | 'erase' | 'erase-and-crash' | 'overwrite';
}

/** How a seed is played: a race is won now by a long pause, now by many small ones. */
export interface Style {
  readonly writers: number;
  readonly runs: number;
  /** weight of what is the more telling the later it comes */
  readonly late: number;
  /** weight of the passing of time while a run works */
  readonly tick: number;
  /** a run starts when a payload is so old; 0: at any time */
  readonly ripeMs: number;
  /** steps of a slice without a pause, at most */
  readonly burst: number;
}

/** A situation that seeds are drawn towards. */
export interface Scene {
  readonly plan: Partial<Plan>;
  readonly style: Partial<Style>;
}

const plain = {
  uploadsTwice: false,
  waitsInLock: false,
  prepares: false,
  ending: 'commit',
  afterwards: 'nothing',
} as const;
const slow = { late: 0.004, ripeMs: 2000, tick: 0.3 } as const;

export const scenes = {
  anything: { plan: {}, style: {} },
  openForLong: { plan: { ...plain, storesLate: false, beginsLate: false }, style: { ...slow, writers: 1 } },
  waitingInALock: {
    plan: { ...plain, storesLate: false, beginsLate: false, waitsInLock: true },
    style: { ...slow, writers: 1 },
  },
  preparedForLong: {
    plan: { ...plain, storesLate: false, beginsLate: false, prepares: true },
    style: { ...slow, writers: 1 },
  },
  begunAtTheLastMoment: {
    plan: { ...plain, storesLate: false, beginsLate: true },
    style: { writers: 1, late: 0.004, ripeMs: 1000, tick: 0.3 },
  },
  begunDuringTheDrain: {
    plan: { ...plain },
    style: { writers: 3, runs: 1, late: 0.004, ripeMs: 2000, tick: 0.5 },
  },
  uploadedAgain: {
    plan: { ...plain, uploadsTwice: true },
    style: { writers: 1, runs: 1, late: 0.004, tick: 0.05, ripeMs: 2000, burst: 2 },
  },
} as const satisfies Readonly<Record<string, Scene>>;

export function drawScene(random: Random): Scene {
  return random.chance(0.4) ? scenes.anything : random.pick(Object.values(scenes));
}

export function drawStyle(random: Random): Style {
  return {
    writers: random.pick([1, 1, 2, 3, 4]),
    runs: random.chance(0.3) ? 2 : 1,
    late: random.pick([0.004, 0.01, 0.05]),
    tick: random.pick([0.05, 0.3]),
    ripeMs: random.pick([0, 1000, 2000, 4000]),
    burst: random.pick([3, 12]),
  };
}

export function drawPlan(random: Random): Plan {
  return {
    uploadsTwice: random.chance(0.35),
    storesLate: random.chance(0.3),
    beginsLate: random.chance(0.6),
    waitsInLock: random.chance(0.35),
    prepares: random.chance(0.3),
    ending: random.weighted([
      { weight: 6, value: 'commit' },
      { weight: 1, value: 'roll-back' },
      { weight: 1, value: 'crash' },
      { weight: 2, value: 'never-begin' },
    ]),
    cleansUp: random.chance(0.5),
    afterwards: random.weighted([
      { weight: 6, value: 'nothing' },
      { weight: 1, value: 'erase' },
      { weight: 1, value: 'erase-and-crash' },
      { weight: 1, value: 'overwrite' },
    ]),
  };
}
