/** Spreads requests evenly over studies: with 0.3 for each, three of ten studies send one, for themselves and those before them. */
export interface Credit<T> {
  /** Adds one study. @returns for each request that is due now the studies that it is about; none: a later one takes this study along */
  due(study: T): readonly (readonly T[])[];
}

/** @param perStudy requests; may be more than one */
export function credit<T>(perStudy: number): Credit<T> {
  let owed = 0;
  let waiting = new Set<T>();
  return {
    due(study) {
      owed += perStudy;
      waiting.add(study);
      // Sums of fractions fall short of whole numbers by rounding.
      const requests = Math.floor(owed + 1e-9);
      if (requests === 0) return [];
      owed -= requests;
      const studies = [...waiting];
      waiting = new Set();
      return Array.from({ length: requests }, () => studies);
    },
  };
}
