import type { ListedBlob } from '../../../src/payloads/verdict';
import { cutIntoShards, UnorderedListing, walk } from '../../../src/payloads/runs/shardRanges';
import type { ShardCursor, ShardRange } from '../../../src/payloads/runs/run';

const blob = (name: string): ListedBlob => ({ name, etag: '"0x1"', lastModified: new Date(0) });

/** Walks a container of these names as a shard does, in pages of a size. */
function walked(range: ShardRange, names: readonly string[], pageSize: number): readonly string[] {
  const found: string[] = [];
  let cursor: ShardCursor = {};
  for (let requests = 0; requests < 1000; requests += 1) {
    const prefix = range.kind === 'range' ? range.prefix : '';
    const from = cursor.from ?? cursor.after ?? (range.kind === 'range' ? range.from : undefined) ?? '';
    const listed = names.filter((name) => name.startsWith(prefix) && name >= from).sort();
    const at = cursor.marker === undefined ? 0 : listed.findIndex((name) => name > (cursor.marker ?? ''));
    const page = at < 0 ? [] : listed.slice(at, at + pageSize);
    const last = page.at(-1);
    const isLast = last === undefined || last === listed.at(-1);
    const step = walk(range, cursor, { blobs: page.map(blob), nextMarker: isLast ? undefined : last });
    found.push(...step.inside.map(({ name }) => name));
    if (step.scanned) return found;
    ({ cursor } = step);
  }
  throw new Error('The walk does not end');
}

const names = [
  ...['', '0', '1', '103/a/1/k', '104', '104-', '104/', '104/!/1/k', '104/a/1/k', '104/b*/1/k', '104/b/1/k'],
  ...['1040/a/1/k', '105/a/1/k', '97/a/1/k', '97/a-/1/k', '97/z/1/k', '98/a', '970/x', 'readme.txt', '~', '+104/a/1/k'],
].filter((name) => name !== '');

describe('shards', () => {
  it.each([1, 2, 3, 100])('hold every name exactly once, in pages of %i', (pageSize) => {
    const ranges = cutIntoShards([
      { typeId: 104, rows: 250_000, bounds: ['a', 'b', 'b.'] },
      { typeId: 97, rows: undefined, bounds: [] },
      { typeId: 98, rows: 3, bounds: [] },
    ]);
    expect(ranges.length).toBeGreaterThan(3);
    expect(ranges.flatMap((range) => walked(range, names, pageSize)).sort()).toEqual([...names].sort());
  });

  it('are at most as many as can be written at once, however large the types are', () => {
    const bounds = Array.from({ length: 101 }, (_, place) => `id-${place}`);
    const sizes = Array.from({ length: 150 }, (_, typeId) => ({ typeId: typeId + 1, rows: 50_000_000, bounds }));
    expect(cutIntoShards(sizes).length).toBeLessThanOrEqual(100);
  });

  it('refuse a listing that is not in the order of names, in which a part has no end', () => {
    const page = { blobs: ['97/b/1/k', '97/a/1/k'].map(blob), nextMarker: undefined };
    expect(() => walk({ kind: 'range', prefix: '97/' }, {}, page)).toThrow(UnorderedListing);
    expect(walk({ kind: 'others', except: [] }, {}, page).inside).toHaveLength(2);
  });

  it('take the order of bytes for that of names, also beyond the basic plane', () => {
    const page = { blobs: ['97/\uff5e', '97/\u{1f600}'].map(blob), nextMarker: undefined };
    expect(walk({ kind: 'range', prefix: '97/' }, {}, page).inside).toHaveLength(2);
  });
});
