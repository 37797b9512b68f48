import { applyOverrides, guards, type GuardFinding, type Overrides } from '../../../src/payloads/guards/guards';
import { findingOf } from '../../../src/payloads/guards/refusals';
import { guardShare } from '../../../src/payloads/guards/share';
import { guardTenants, type TenantContainer } from '../../../src/payloads/guards/tenants';

const names = (findings: readonly GuardFinding[]): readonly string[] => findings.map(({ guard }) => guard);

describe('the share of orphans', () => {
  it('stops a run that would delete more than a tenth of many', () => {
    expect(names(guardShare({ parsed: 1000, orphans: 100 }))).toEqual([]);
    expect(names(guardShare({ parsed: 1000, orphans: 101 }))).toEqual(['orphan-share']);
    expect(guardShare({ parsed: 1000, orphans: 101 })[0]?.problem).toContain('101 of 1000');
  });

  it('does not stop at half of few', () => {
    expect(guardShare({ parsed: 100, orphans: 50 })).toEqual([]);
    expect(names(guardShare({ parsed: 100, orphans: 51 }))).toEqual(['orphan-share']);
  });

  it('stops a run that would delete more than ten thousand, however few of all they are', () => {
    expect(guardShare({ parsed: 100_000_000, orphans: 10_000 })).toEqual([]);
    expect(names(guardShare({ parsed: 100_000_000, orphans: 10_001 }))).toEqual(['orphan-count']);
    expect(names(guardShare({ parsed: 20_000, orphans: 10_001 }))).toEqual(['orphan-share', 'orphan-count']);
  });

  it('goes on up to the number that the operator gives, and no further', () => {
    const remaining = (overrides: Overrides) =>
      names(applyOverrides(guardShare({ parsed: 30_000, orphans: 18_000 }), overrides));
    expect(remaining({ 'orphan-share': 60, 'orphan-count': 18_000 })).toEqual([]);
    expect(remaining({ 'orphan-share': 59, 'orphan-count': 18_000 })).toEqual(['orphan-share']);
    expect(remaining({ 'orphan-share': 60, 'orphan-count': 17_999 })).toEqual(['orphan-count']);
    expect(remaining({})).toEqual(['orphan-share', 'orphan-count']);
  });

  it('offers values that are enough', () => {
    const findings = guardShare({ parsed: 30_000, orphans: 12_345 });
    const offered = Object.fromEntries(
      findings.map(({ override }) => [override?.name, override?.value] as const),
    ) as Overrides;
    expect(applyOverrides(findings, offered)).toEqual([]);
  });
});

describe('an override', () => {
  const finding: GuardFinding = {
    guard: 'other-tenant',
    problem: '',
    override: { name: 'other-tenant', value: ['a', 'b'] },
  };

  it('must hold every name that the finding asks for', () => {
    expect(applyOverrides([finding], { 'other-tenant': ['b', 'c', 'a'] })).toEqual([]);
    expect(applyOverrides([finding], { 'other-tenant': ['a'] })).toEqual([finding]);
  });

  it('lets nothing pass that cannot be overridden, nor what another one was given for', () => {
    const standby: GuardFinding = { guard: 'standby', problem: '' };
    expect(applyOverrides([standby, finding], { unproven: ['a', 'b'], 'orphan-share': 100 })).toEqual([
      standby,
      finding,
    ]);
  });

  it('exists for no guard that says that the eye is broken', () => {
    const final = Object.entries(guards).filter(([, guard]) => !('override' in guard));
    expect(final.map(([name]) => name)).toEqual([
      'standby',
      'logical-subscriber',
      'collation-changed',
      'other-database',
      'canary-missing',
      'row-security',
      'open-transaction',
      'shared-container',
    ]);
  });
});

describe('two datasources on one container', () => {
  const place = (dsId: string, change: Partial<TenantContainer> = {}): TenantContainer => ({
    tenantId: 'default',
    dsId,
    account: 'payloads.blob.core.windows.net',
    container: 'fhir',
    ...change,
  });

  it('are refused, however their account is spelled', () => {
    const [finding, ...others] = guardTenants([
      place('one'),
      place('two', { account: 'Payloads.blob.core.windows.net' }),
      place('three', { container: 'other' }),
    ]);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ guard: 'shared-container' });
    expect(finding?.problem).toContain('default/one and default/two');
  });

  it('are none when each has its own, or when one is listed twice', () => {
    expect(guardTenants([place('one'), place('two', { account: 'other.blob.core.windows.net' })])).toEqual([]);
    expect(guardTenants([place('one'), place('one')])).toEqual([]);
  });
});

it('a failure that is no guard ends a run as a failure', () => {
  expect(findingOf(new Error('reset'))).toBeUndefined();
});
