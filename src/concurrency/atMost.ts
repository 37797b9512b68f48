interface Waiting {
  readonly places: number;
  readonly go: () => void;
}

/**
 * Runs work, but no more than `most` at once; the others wait for their turn, first come first served.
 * @returns what runs work that takes so many places (default: one); work that wants more than there are runs alone
 */
export function atMost(most: number): <T>(work: () => Promise<T>, places?: number) => Promise<T> {
  const waiting: Waiting[] = [];
  let taken = 0;

  function letIn(): void {
    for (let [next] = waiting; next !== undefined; [next] = waiting) {
      if (taken > 0 && taken + next.places > most) return;
      taken += next.places;
      waiting.shift();
      next.go();
    }
  }

  return async (work, places = 1) => {
    await new Promise<void>((go) => {
      waiting.push({ places, go });
      letIn();
    });
    try {
      return await work();
    } finally {
      taken -= places;
      letIn();
    }
  };
}
