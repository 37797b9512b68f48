/** A number of places that work takes while it runs. */
interface Places {
  /**
   * Waits for so many free places (default: one), first come first served; work that wants more than there are runs alone.
   * @returns what gives them back; to be called once
   */
  take(count?: number): Promise<() => void>;
}

interface Waiting {
  readonly count: number;
  readonly go: () => void;
}

export function places(most: number): Places {
  const waiting: Waiting[] = [];
  let taken = 0;

  function letIn(): void {
    for (let [next] = waiting; next !== undefined; [next] = waiting) {
      if (taken > 0 && taken + next.count > most) return;
      taken += next.count;
      waiting.shift();
      next.go();
    }
  }

  return {
    async take(count = 1) {
      await new Promise<void>((go) => {
        waiting.push({ count, go });
        letIn();
      });
      return () => {
        taken -= count;
        letIn();
      };
    },
  };
}

/**
 * Runs work, but no more than `most` at once; the others wait for their turn.
 * @returns what runs work that takes so many places (default: one)
 */
export function atMost(most: number): <T>(work: () => Promise<T>, count?: number) => Promise<T> {
  const free = places(most);
  return async (work, count) => {
    const giveBack = await free.take(count);
    try {
      return await work();
    } finally {
      giveBack();
    }
  };
}
