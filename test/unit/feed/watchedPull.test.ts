import type { PullSummary } from '../../../src/feed/pullChangeFeed';
import type { LevelDependencies } from '../../../src/feed/levels';
import { watchedPull } from '../../../src/feed/watchedPull';
import { HttpStatusError } from '../../../src/http/errors';
import { recordingTelemetry } from '../../support/recordingTelemetry';

const { signal } = new AbortController();
const NOW = new Date('2026-03-01T12:00:00Z');

describe('a run of the puller', () => {
  const watch = async (pull: () => Promise<PullSummary>, change: Partial<LevelDependencies> = {}) => {
    const telemetry = recordingTelemetry();
    const state = {
      sequence: 100,
      latestSeen: 340,
      entryTimestamp: '2026-03-01T11:00:00Z',
      latestTimestamp: '2026-03-01T11:10:00Z',
      lastSuccessAt: '2026-03-01T11:58:00Z',
      condition: 'ok',
      etag: 'e',
    } as const;
    const deps: LevelDependencies = {
      state: { read: () => Promise.resolve(state) },
      queues: [
        { name: 'study-changes', depth: () => Promise.resolve(12) },
        { name: 'study-changes-poison', depth: () => Promise.resolve(3) },
      ],
      telemetry,
      now: () => NOW,
      ...change,
    };
    const outcome = await watchedPull(deps, pull, signal).catch((error: unknown) => error);
    const told = telemetry.records.map((record) =>
      record.kind === 'metric' ? { [record.name]: record.value, ...record.dimensions } : record,
    );
    return { outcome, told };
  };

  it('that fails tells why, and still how far the feed is behind and what waits', async () => {
    const refused = new HttpStatusError({ method: 'GET', status: 403 });
    const { outcome, told } = await watch(() => Promise.reject(refused));
    expect(outcome).toBe(refused);
    expect(told).toEqual([
      { 'feed-pulls': 1, outcome: 'failed', reason: 'AccessDenied' },
      { 'feed-lag-entries': 240 },
      { 'feed-lag-seconds': 600 },
      { 'last-success-age-seconds': 120 },
      { 'feed-reset-pending': 0 },
      { 'queue-depth': 12, queue: 'study-changes' },
      { 'queue-depth': 3, queue: 'study-changes-poison' },
    ]);
  });

  it('tells by why it stopped, and does not fail because the levels cannot be read', async () => {
    const summary = { stopped: 'held-back', entries: 7 } as PullSummary;
    const { outcome, told } = await watch(() => Promise.resolve(summary), {
      state: { read: () => Promise.reject(new Error('no table')) },
    });
    expect(outcome).toBe(summary);
    expect(told).toMatchObject([
      { 'feed-pulls': 1, outcome: 'held-back' },
      { 'feed-entries': 7 },
      { kind: 'log', level: 'warning' },
    ]);
  });
});
