import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Parts } from './parts';

/** Longest time for which work that can give way holds the event loop, so that a study of thousands does not hold up everything else. */
const TURN_MS = 5;

/** The turn of the event loop in which work is done that can give way. */
export class Turn {
  readonly #signal: AbortSignal | undefined;
  #started = performance.now();

  /** @param signal undefined: the work ends by itself */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether it is time for others. */
  get isOver(): boolean {
    return performance.now() - this.#started >= TURN_MS;
  }

  /** Goes on in another turn. @throws the signal's reason */
  async next(): Promise<void> {
    await giveWay(this.#signal);
    this.#started = performance.now();
  }
}

/**
 * Does work that is done in parts, and gives way whenever it has taken long enough. Work that is done before that is done at once; after any
 * other, what follows has a turn for itself.
 * @throws what the work throws, and the signal's reason where it had to give way
 */
export async function inTurns<T>(work: Parts<T>, signal: AbortSignal): Promise<T> {
  const turn = new Turn(signal);
  let turns = 1;
  for (let step = work.next(); ; step = work.next()) {
    if (step.done === true) {
      if (turns > 1) await turn.next();
      return step.value;
    }
    if (!turn.isOver) continue;
    await turn.next();
    turns++;
  }
}

/**
 * For work that comes piece by piece, with waiting in between that does not count.
 * @returns what does one piece, and says what to wait for before the next one where it is time for others; that throws the signal's reason
 */
export function pieceByPiece(signal: AbortSignal): (piece: () => void) => Promise<void> | undefined {
  let workedMs = 0;
  return (piece) => {
    const started = performance.now();
    piece();
    workedMs += performance.now() - started;
    if (workedMs < TURN_MS) return undefined;
    workedMs = 0;
    return giveWay(signal);
  };
}

/** Lets everything come first that is ready. @throws the signal's reason */
async function giveWay(signal: AbortSignal | undefined): Promise<void> {
  await nextTurn();
  signal?.throwIfAborted();
}
