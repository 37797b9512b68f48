import { AsyncLocalStorage } from 'node:async_hooks';

/** One piece of work of a cohort. */
export interface Member {
  readonly cohort: Cohort;
  /** It waits for company, or for the answer to a request that it shares: until `resume`, nobody has to wait for it. */
  pause(): void;
  resume(): void;
}

/**
 * Work that takes the same steps at about the same time, such as looks at the studies of one message: requests that its members share
 * (`together`) wait until all have come that still can. Whoever is slow is waited for only as long as others keep coming.
 */
export class Cohort {
  readonly #releases = new Map<object, () => void>();
  #busy = 0;
  #checking = false;

  /** Runs a member. Everything that it calls belongs to it. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    let pauses = 0;
    let hasEnded = false;
    const member: Member = {
      cohort: this,
      pause: () => {
        if (++pauses > 1 || hasEnded) return;
        this.#busy--;
        this.#check();
      },
      resume: () => {
        if (--pauses === 0 && !hasEnded) this.#busy++;
      },
    };
    this.#busy++;
    try {
      return await members.run(member, work);
    } finally {
      if (pauses === 0) this.#busy--;
      hasEnded = true;
      this.#check();
    }
  }

  /**
   * @param place where members wait; it has one release
   * @param release is called once, as soon as nobody can come any more
   */
  whenComplete(place: object, release: () => void): void {
    this.#releases.set(place, release);
    this.#check();
  }

  /** Not at once: whoever has just come may have a second request to send, of another kind. */
  #check(): void {
    if (this.#busy > 0 || this.#checking || this.#releases.size === 0) return;
    this.#checking = true;
    setImmediate(() => {
      this.#checking = false;
      if (this.#busy > 0) return;
      const releases = [...this.#releases.values()];
      this.#releases.clear();
      for (const release of releases) release();
    });
  }
}

const members = new AsyncLocalStorage<Member>();

/** The member that runs here; undefined outside of any cohort. */
export const currentMember = (): Member | undefined => members.getStore();

/** Waits for something that other members may have to do first: nobody waits for this one meanwhile. */
export async function outOfStep<T>(work: () => Promise<T>): Promise<T> {
  const member = currentMember();
  member?.pause();
  try {
    return await work();
  } finally {
    member?.resume();
  }
}
