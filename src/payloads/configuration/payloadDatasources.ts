import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Environment } from './environmentReferences';
import { InvalidConfiguration } from './invalidConfiguration';
import { AZURE_BLOB, datasourceOf, readPayloadGroups, type PayloadConfiguration } from './payloadConfiguration';
import { CONFIGURATION_ID, tenantFile, whyUnreadable } from './serverConfiguration';

/** A tenant and datasource of a configuration folder. */
export type PayloadDatasource =
  | { readonly kind: 'configured'; readonly configuration: PayloadConfiguration }
  /** so it is not known which container it uses */
  | {
      readonly kind: 'unusable';
      readonly tenantId: string;
      readonly dsId: string | undefined;
      readonly problem: string;
    };

/**
 * @returns every datasource with a payload group under `<configDir>/config`, by tenant
 * @throws InvalidConfiguration when there is no such folder
 */
export async function listPayloadDatasources(
  configDir: string,
  environment: Environment,
): Promise<readonly PayloadDatasource[]> {
  const folder = join(configDir, 'config');
  const tenants = await readdir(folder).catch((error: unknown) => {
    throw new InvalidConfiguration(
      folder,
      undefined,
      `expected a folder with one folder per tenant, but ${whyUnreadable(error)}`,
    );
  });
  const names = tenants.filter((name) => CONFIGURATION_ID.test(name) && existsSync(tenantFile(configDir, name)));
  const found = names.sort().map((tenantId) => datasourcesOfTenant(configDir, tenantId, environment));
  return (await Promise.all(found)).flat();
}

/** @returns the other datasources of the folder that store their payloads in the same container: to a scan of one, the payloads of the other look like orphans */
export function datasourcesSharingContainer(
  datasources: readonly PayloadDatasource[],
  { account, containerName, tenantId, dsId }: PayloadConfiguration,
): readonly PayloadConfiguration[] {
  return datasources
    .flatMap((datasource) => (datasource.kind === 'configured' ? [datasource.configuration] : []))
    .filter((other) => other.account === account && other.containerName === containerName)
    .filter((other) => other.tenantId !== tenantId || other.dsId !== dsId);
}

async function datasourcesOfTenant(
  configDir: string,
  tenantId: string,
  environment: Environment,
): Promise<readonly PayloadDatasource[]> {
  const file = tenantFile(configDir, tenantId);
  try {
    const groups = await readPayloadGroups(file, environment);
    const inBlobs = Object.keys(groups).filter((dsId) => !isOtherStore(groups[dsId]));
    return inBlobs.map((dsId) => {
      try {
        return { kind: 'configured', configuration: datasourceOf(file, groups, tenantId, dsId) };
      } catch (error) {
        return unusable(error, tenantId, dsId);
      }
    });
  } catch (error) {
    return [unusable(error, tenantId, undefined)];
  }
}

/** The server knows other kinds of stores, which have no container. */
function isOtherStore(group: unknown): boolean {
  const { data } = z.object({ type: z.string() }).safeParse(group);
  return data !== undefined && data.type !== AZURE_BLOB;
}

function unusable(error: unknown, tenantId: string, dsId: string | undefined): PayloadDatasource {
  if (error instanceof InvalidConfiguration) return { kind: 'unusable', tenantId, dsId, problem: error.message };
  throw error;
}
