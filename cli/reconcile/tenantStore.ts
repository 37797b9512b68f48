import { BlobServiceClient } from '@azure/storage-blob';
import { CONTAINER_NAME_RULE, isContainerName } from '../../src/payloads/configuration/containerName';
import type { Environment } from '../../src/payloads/configuration/environmentReferences';
import type { PayloadConfiguration } from '../../src/payloads/configuration/payloadConfiguration';
import {
  datasourcesSharingContainer,
  listPayloadDatasources,
} from '../../src/payloads/configuration/payloadDatasources';
import { createPayloadContainer } from '../../src/payloads/container/azureContainer';
import type { PayloadContainer, QuarantineContainer } from '../../src/payloads/container/payloadContainer';
import { createQuarantineContainer } from '../../src/payloads/container/quarantine';
import type { GuardFinding } from '../../src/payloads/guards/guards';
import { guardTenants, type TenantContainer } from '../../src/payloads/guards/tenants';
import type { Quarantine } from './commandLine';
import { UsageError } from './usageError';

export function openContainer({ connectionString, containerName }: PayloadConfiguration): PayloadContainer {
  return createPayloadContainer(
    BlobServiceClient.fromConnectionString(connectionString).getContainerClient(containerName),
  );
}

/** @throws UsageError when the name is none that Azure takes, or is that of the payloads themselves */
export function openQuarantine(
  { connectionString, containerName }: PayloadConfiguration,
  { container = `${containerName}-quarantine` }: Quarantine,
): QuarantineContainer {
  if (container === containerName)
    throw new UsageError('--quarantine: expected another container than that of the payloads');
  if (!isContainerName(container))
    throw new UsageError(`--quarantine: ${container} is no name of a container: expected ${CONTAINER_NAME_RULE}`);
  const service = BlobServiceClient.fromConnectionString(connectionString);
  return createQuarantineContainer({
    payloads: service.getContainerClient(containerName),
    quarantine: service.getContainerClient(container),
  });
}

/**
 * @param tell takes a line about each datasource whose container is not known
 * @returns a finding when other datasources of the configuration use the container too
 */
export async function findSharers(
  configDir: string,
  configuration: PayloadConfiguration,
  environment: Environment,
  tell: (line: string) => void,
): Promise<readonly GuardFinding[]> {
  const datasources = await listPayloadDatasources(configDir, environment);
  for (const datasource of datasources)
    if (datasource.kind === 'unusable')
      tell(`WARNING: it is not known which container this one uses, and whether it is the same: ${datasource.problem}`);
  return guardTenants([configuration, ...datasourcesSharingContainer(datasources, configuration)].map(usedContainer));
}

function usedContainer({ tenantId, dsId, account, containerName }: PayloadConfiguration): TenantContainer {
  return { tenantId, dsId, account, container: containerName };
}
