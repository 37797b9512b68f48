import { breakers, type BreakerChange, type Breakers } from '../../../src/failures/breaker';
import type { Failure } from '../../../src/failures/classify';

const down = (more: Partial<Failure> = {}): Failure =>
  ({
    kind: 'unavailable',
    reason: 'ServiceUnavailable',
    message: 'The FHIR server answered 503',
    dependency: 'fhir',
    outcomeUnknown: true,
    ...more,
  }) as Failure;

let now: number;
let changes: BreakerChange[];
let guard: Breakers;
beforeEach(() => {
  now = Date.parse('2024-01-01T00:00:00Z');
  changes = [];
  guard = breakers({
    clock: () => new Date(now),
    random: () => 0.999_999_999,
    baseMs: 1000,
    capMs: 8000,
    trialMs: 30_000,
    onChange: (change) => changes.push(change),
  });
});

test('while all services work, nothing is held back', () => {
  expect(guard.blocked()).toBeUndefined();
  expect(guard.states()).toEqual({
    dicom: { dependency: 'dicom', state: 'closed' },
    fhir: { dependency: 'fhir', state: 'closed' },
  });
});

test('a service that is down holds all studies back until a trial is due', () => {
  guard.unavailable('fhir', down());
  expect(guard.blocked()).toMatchObject({
    kind: 'unavailable',
    reason: 'ServiceUnavailable',
    retryAfterMs: 1000,
    outcomeUnknown: false,
  });
  now += 400;
  expect(guard.blocked()).toMatchObject({ retryAfterMs: 600 });
  now += 600;
  expect(guard.blocked()).toBeUndefined();
});

test('one study at a time is let through, and the pause doubles up to the cap with each one that fails', () => {
  guard.unavailable('fhir', down());
  for (const pause of [1000, 2000, 4000, 8000, 8000]) {
    expect(guard.blocked()?.retryAfterMs).toBe(pause);
    now += pause;
    expect(guard.blocked()).toBeUndefined();
    expect(guard.blocked()).toBeDefined();
    guard.unavailable('fhir', down());
  }
});

test('studies that were under way when the service went down do not make the pause longer', () => {
  guard.unavailable('fhir', down());
  for (let n = 0; n < 50; n++) guard.unavailable('fhir', down());
  expect(guard.blocked()?.retryAfterMs).toBe(1000);
});

test('Retry-After sets the pause, above the cap too', () => {
  guard.unavailable('fhir', down({ retryAfterMs: 60_000 }));
  expect(guard.blocked()?.retryAfterMs).toBe(60_000);
  guard.unavailable('fhir', down({ retryAfterMs: 90_000 }));
  expect(guard.blocked()?.retryAfterMs).toBe(90_000);
});

test('a study that was held back tells nothing new about the service', () => {
  guard.unavailable('fhir', down());
  now += 1000;
  expect(guard.blocked()).toBeUndefined();
  const heldBack = guard.blocked();
  guard.unavailable('fhir', heldBack!);
  expect(guard.states().fhir.state).toBe('half-open');
  guard.available('fhir');
  expect(guard.blocked()).toBeUndefined();
});

test('a trial that never says how it went is followed by another one', () => {
  guard.unavailable('fhir', down());
  now += 1000;
  expect(guard.blocked()).toBeUndefined();
  now += 29_999;
  expect(guard.blocked()).toBeDefined();
  now += 1;
  expect(guard.blocked()).toBeUndefined();
});

test('those who come during a trial wait for its outcome only shortly, not until it would count as lost', () => {
  guard.unavailable('fhir', down());
  now += 1000;
  expect(guard.blocked()).toBeUndefined();
  expect(guard.blocked()?.retryAfterMs).toBe(1000);
  now += 29_600;
  expect(guard.blocked()?.retryAfterMs).toBe(400);
});

test('going down and coming back is told once each', () => {
  guard.unavailable('dicom', down());
  guard.unavailable('dicom', down());
  now += 3_600_000;
  guard.available('dicom');
  guard.available('dicom');
  expect(changes).toMatchObject([
    { kind: 'down', dependency: 'dicom', since: '2024-01-01T00:00:00.000Z' },
    { kind: 'back', dependency: 'dicom', downForMs: 3_600_000 },
  ]);
});

test('of two services that are down the one that comes back later counts', () => {
  guard.unavailable('fhir', down());
  guard.unavailable('dicom', down({ retryAfterMs: 5000, message: 'The DICOM service answered 503' }));
  expect(guard.blocked()).toMatchObject({ message: 'The DICOM service answered 503', retryAfterMs: 5000 });
  guard.available('dicom');
  expect(guard.blocked()).toMatchObject({ message: 'The FHIR server answered 503' });
});

test('an outage of the storage holds nothing back', () => {
  guard.unavailable('storage', down());
  guard.available('storage');
  expect(guard.blocked()).toBeUndefined();
  expect(changes).toEqual([]);
});

test('the status says why, since when and until when', () => {
  guard.unavailable('fhir', down());
  expect(guard.states().fhir).toEqual({
    dependency: 'fhir',
    state: 'open',
    reason: 'ServiceUnavailable',
    message: 'The FHIR server answered 503',
    since: '2024-01-01T00:00:00.000Z',
    nextTrialAt: '2024-01-01T00:00:01.000Z',
  });
});

test('a trial that ends without a word about the service lets the next one through at once', () => {
  guard.unavailable('fhir', down());
  now += 2000;
  expect(guard.blocked()).toBeUndefined();
  expect(guard.blocked()).toBeDefined();
  guard.undecided();
  expect(guard.blocked()).toBeUndefined();
  expect(guard.states().fhir.state).toBe('half-open');
});

test('an outage without a trial is not touched by work that was under way when it began', () => {
  guard.unavailable('fhir', down());
  guard.undecided();
  expect(guard.blocked()).toBeDefined();
});
