/** A seeded source of decisions: the same seed gives the same decisions everywhere. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = (seed ^ 0x9e3779b9) >>> 0;
    for (let round = 0; round < 8; round++) this.next();
  }

  /** A number in [0, 1); mulberry32. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from 0 to `below - 1`. */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** A whole number between the two, both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws RangeError for an empty list */
  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError('Nothing to choose from');
    return choice;
  }

  /** @throws RangeError when no weight is above zero */
  weighted<T>(choices: readonly { readonly weight: number; readonly value: T }[]): T {
    const total = choices.reduce((sum, { weight }) => sum + weight, 0);
    let at = this.next() * total;
    for (const { weight, value } of choices) {
      at -= weight;
      if (at < 0 && weight > 0) return value;
    }
    throw new RangeError('Nothing to choose from');
  }
}
