import { judgeLook, judgeName, type ListedBlob } from '../../../src/payloads/verdict';

const cutoff = new Date('2026-01-02T00:00:00Z');
const blob = (change: Partial<ListedBlob> = {}): ListedBlob => ({
  name: '104/pat-0001/1/0257adb5-4fbc-4431-9ada-28eb679b7dc4',
  etag: '"0x1"',
  lastModified: new Date('2026-01-01T23:59:59Z'),
  ...change,
});

describe('verdicts', () => {
  it('needs no row for a payload that is young, even when it is exactly as old as the cutoff', () => {
    expect(judgeLook(blob({ lastModified: cutoff }), 'no-row', cutoff)).toEqual({ kind: 'young' });
    expect(judgeLook(blob(), 'no-row', cutoff)).toEqual({ kind: 'orphan', reason: 'no-row' });
  });

  it('never calls a blob whose date cannot be read an orphan', () => {
    expect(judgeLook(blob({ lastModified: new Date(Number.NaN) }), 'no-row', cutoff)).toEqual({ kind: 'young' });
  });

  it('is ok whatever its age when a live row points at it', () => {
    expect(judgeLook(blob({ lastModified: cutoff }), undefined, cutoff)).toEqual({ kind: 'ok' });
  });

  it('tells the payload of a deletion from an orphan, and leaves alone what was restored to stay', () => {
    expect(judgeLook(blob(), 'deleted-version', cutoff)).toEqual({ kind: 'tombstone', reason: 'deleted-version' });
    expect(judgeLook(blob({ isKept: true }), 'no-row', cutoff)).toEqual({ kind: 'kept' });
  });

  it('looks up payloads of known types only', () => {
    expect(judgeName(blob(), new Set([104])).kind).toBe('look-up');
    expect(judgeName(blob(), new Set([97]))).toEqual({ kind: 'decided', verdict: { kind: 'unknown-type' } });
    expect(judgeName(blob({ isDirectory: true, name: '104/pat-0001' }), new Set([104]))).toEqual({
      kind: 'decided',
      verdict: { kind: 'directory' },
    });
  });
});
