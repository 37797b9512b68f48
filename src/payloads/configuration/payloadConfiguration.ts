import { BlobServiceClient } from '@azure/storage-blob';
import { z } from 'zod';
import { CONTAINER_NAME_RULE, defaultContainerName, isContainerName } from './containerName';
import { unsetVariable, type Environment } from './environmentReferences';
import { InvalidConfiguration } from './invalidConfiguration';
import { readServerConfiguration, tenantFile } from './serverConfiguration';
import { decodeXor } from './xorValue';

/** Where the FHIR server stores the payloads of one tenant and datasource. */
export interface PayloadConfiguration {
  readonly tenantId: string;
  readonly dsId: string;
  /** the file that says so */
  readonly file: string;
  /** a secret */
  readonly connectionString: string;
  /** host of the blob service, and its path where it has one */
  readonly account: string;
  readonly containerName: string;
  /** such as 2020-10-02; undefined: the newest that the client knows */
  readonly serviceVersion: string | undefined;
}

const PATH = ['fhirServer', 'persistence', 'payload'];

const payload = z.record(z.string(), z.unknown()).optional();
const persistence = z.object({ payload }).optional();
const tree = z.object({ fhirServer: z.object({ persistence }).optional() });

const text = z.string('expected a text').transform((value, context) => {
  const decoded = decodeXor(value);
  if (decoded !== undefined) return decoded;
  context.addIssue({ code: 'custom', message: 'expected base64 after {xor}' });
  return z.NEVER;
});

export const AZURE_BLOB = 'azure.blob';

const group = z.object(
  {
    type: z.literal(AZURE_BLOB, `expected "${AZURE_BLOB}", the only kind of payload store that there is`),
    connectionProperties: z.object(
      {
        connectionString: text,
        containerName: text.optional(),
        serviceVersion: text
          .refine((value) => /^V?\d{4}([-_])\d{2}\1\d{2}$/.test(value), {
            error: 'expected a version of the blob service, such as 2020-10-02 or V2020_10_02',
          })
          .transform((value) => value.replace('V', '').replaceAll('_', '-'))
          .optional(),
      },
      'expected an object with connectionString',
    ),
  },
  'expected an object with type and connectionProperties',
);

/**
 * Reads the payload group of a tenant's datasource from `<configDir>/config/<tenantId>/fhir-server-config.json`.
 * Like in the server, other tenants get nothing from the default tenant here.
 * @throws InvalidConfiguration
 */
export async function readPayloadConfiguration(
  configDir: string,
  tenantId: string,
  dsId: string,
  environment: Environment,
): Promise<PayloadConfiguration> {
  const file = tenantFile(configDir, tenantId);
  return datasourceOf(file, await readPayloadGroups(file, environment), tenantId, dsId);
}

/**
 * @returns the payload groups of a file by datasource, not checked; none where the server stores no payloads outside of its database
 * @throws InvalidConfiguration
 */
export async function readPayloadGroups(
  file: string,
  environment: Environment,
): Promise<Readonly<Record<string, unknown>>> {
  const parsed = tree.safeParse(await readServerConfiguration(file, environment));
  if (!parsed.success) {
    const problem = 'expected an object with one group per datasource';
    throw new InvalidConfiguration(file, PATH.join('/'), problem);
  }
  return parsed.data.fhirServer?.persistence?.payload ?? {};
}

/** @throws InvalidConfiguration */
export function datasourceOf(
  file: string,
  groups: Readonly<Record<string, unknown>>,
  tenantId: string,
  dsId: string,
): PayloadConfiguration {
  const path = [...PATH, dsId];
  if (!Object.hasOwn(groups, dsId))
    throw new InvalidConfiguration(
      file,
      path.join('/'),
      `expected the payload group of this datasource, but there are: ${Object.keys(groups).join(', ') || 'none'}`,
    );
  const parsed = group.safeParse(groups[dsId]);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = [...path, ...(issue?.path ?? [])].map(String).join('/');
    throw new InvalidConfiguration(file, place, issue?.message ?? 'expected a payload group');
  }
  const { connectionString, containerName: given, serviceVersion } = parsed.data.connectionProperties;
  const place = (key: string): string => [...path, 'connectionProperties', key].join('/');
  const containerName = given ?? defaultContainerName(tenantId, dsId);
  if (!isContainerName(containerName))
    throw new InvalidConfiguration(
      file,
      place('containerName'),
      given === undefined
        ? `not set, and "${containerName}", its default, is no name of a container: expected ${CONTAINER_NAME_RULE}`
        : withUnsetVariable(`expected ${CONTAINER_NAME_RULE}`, given),
    );
  return {
    tenantId,
    dsId,
    file,
    connectionString,
    account: accountOf(connectionString, file, place('connectionString')),
    containerName,
    serviceVersion,
  };
}

/** The client reads the text, so that what it accepts is what counts; its own error may quote it, so that is not passed on. */
function accountOf(connectionString: string, file: string, place: string): string {
  try {
    const { host, pathname } = new URL(BlobServiceClient.fromConnectionString(connectionString).url);
    return `${host.replace(/^localhost(?=$|:)/, '127.0.0.1')}${pathname.replace(/\/+$/, '')}`;
  } catch {
    throw new InvalidConfiguration(
      file,
      place,
      withUnsetVariable('expected a connection string of an Azure storage account', connectionString),
    );
  }
}

function withUnsetVariable(problem: string, value: string): string {
  const variable = unsetVariable(value);
  return variable === undefined ? problem : `${problem}, but the environment variable ${variable} is not set`;
}
