/** Works on all items, at most so many at once. @returns the results in the order of the items. @throws the first error, when what had begun has ended */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results = new Map<number, Result>();
  const entries = items.entries();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const [index, item] of entries) {
      if (failed) return;
      results.set(
        index,
        await work(item).catch((error: unknown) => {
          failed = true;
          throw error;
        }),
      );
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  return items.map((_, index) => results.get(index) as Result);
}
