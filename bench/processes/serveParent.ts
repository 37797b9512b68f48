/** What a parent may ask of this process; inputs and results are plain JSON values. */
export type Operations = Readonly<Record<string, (input: never) => unknown>>;

export interface Question {
  readonly id: number;
  readonly operation: string;
  readonly input: unknown;
}

export type Answer =
  | { readonly id: number; readonly kind: 'result'; readonly value: unknown }
  | { readonly id: number; readonly kind: 'error'; readonly stack: string };

/** Answers the parent process until it goes away; this process then ends as well. */
export function serveParent(operations: Operations): void {
  const answer = (message: Answer): void => void process.send?.(message);
  process.on('message', ({ id, operation, input }: Question) => {
    const work = operations[operation] as ((given: unknown) => unknown) | undefined;
    Promise.resolve()
      .then(() => {
        if (work === undefined) throw new Error(`There is no operation ${operation}`);
        return work(input);
      })
      .then(
        (value) => answer({ id, kind: 'result', value }),
        (error: unknown) =>
          answer({ id, kind: 'error', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
  });
  process.on('disconnect', () => process.exit());
}
