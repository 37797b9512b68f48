import type { GuardFinding } from './guards';

/** Where a datasource of the configuration stores its payloads. */
export interface TenantContainer {
  readonly tenantId: string;
  readonly dsId: string;
  /** host name of the blob service, with the account's name where that is part of the path */
  readonly account: string;
  readonly container: string;
}

/** To each of two datasources on one container the other's payloads look like orphans. */
export function guardTenants(containers: readonly TenantContainer[]): readonly GuardFinding[] {
  const users = new Map<string, { readonly container: string; readonly names: Set<string> }>();
  for (const { tenantId, dsId, account, container } of containers) {
    const place = `${account.toLowerCase()}/${container.toLowerCase()}`;
    const entry = users.get(place) ?? { container, names: new Set() };
    users.set(place, { ...entry, names: entry.names.add(`${tenantId}/${dsId}`) });
  }
  return [...users.values()]
    .filter(({ names }) => names.size > 1)
    .map(({ container, names }) => ({
      guard: 'shared-container',
      problem: `The datasources ${[...names].join(' and ')} store their payloads in one container, ${container}, so the payloads of one look like orphans to the other. Give each a container of its own.`,
    }));
}
