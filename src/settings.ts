import { z } from 'zod';
import { identityProblems, identitySettings } from './identitySettings';
import { mappingSettings } from './mappingSettings';
import { flag, httpUrl, insightsAuthentication, wholeNumber } from './settingValues';

/**
 * Every app setting of the project: its name, default, check and description live here (those of the mapping in mappingSettings.ts) and
 * nowhere else.
 * The tables in docs/configure.md are generated from this schema.
 */

/** The settings of Cast, and those that the whole app shares. */
export const settingsSchema = z.object({
  DICOM_URL: httpUrl.describe(
    'Base URL of the DICOM service, with its path but without the version, as Cast reaches it.',
  ),
  DICOM_PUBLIC_URL: httpUrl
    .optional()
    .describe(
      'Base URL of the DICOM service as clients of the FHIR server reach it; published in Endpoint.address. It marks what Cast owns in FHIR: do not change it later. Default: DICOM_URL.',
    ),
  DICOM_API_VERSION: z
    .string()
    .regex(/^v\d+$/, 'expected a version segment such as v2')
    .default('v2')
    .describe('Version segment of the DICOMweb URLs. The change feed is always read as v1.'),
  DICOM_DATA_PARTITIONS: flag(false).describe(
    'true: data partitions are enabled in the DICOM service, so that also the default one has a path of its own.',
  ),
  FHIR_URL: httpUrl.describe('Base URL of the FHIR R4 server.'),
  ...identitySettings('DICOM', 'DICOM service', 'the one of Azure Health Data Services'),
  ...identitySettings('FHIR', 'FHIR server', 'the origin of FHIR_URL with /.default'),
  IDENTITY_CLIENT_ID: z
    .string()
    .optional()
    .describe('Client id of a user-assigned managed identity. Default: the system-assigned one.'),
  CHANGE_FEED_SCHEDULE: z
    .string()
    .regex(/^(\S+\s+){5}\S+$/, 'expected six NCRONTAB fields, such as 0 * * * * *')
    .default('*/30 * * * * *')
    .describe('When pull-change-feed runs: six NCRONTAB fields, UTC. Must be set: the binding reads it.'),
  MARK_SWEEP_SCHEDULE: z
    .string()
    .regex(/^(\S+\s+){5}\S+$/, 'expected six NCRONTAB fields, such as 0 */5 * * * *')
    .default('0 */5 * * * *')
    .describe('When sweep-marks runs: six NCRONTAB fields, UTC. Must be set: the binding reads it.'),
  ROUND_ENTRIES: wholeNumber(5000, 1, 20_000).describe(
    'Change feed entries of one round: read, sent to the queue, then committed together.',
  ),
  STUDIES_PER_MESSAGE: wholeNumber(32, 1, 50).describe(
    'Most small studies of a round that share one message of the queue, one mark and the requests of one pass. 1: each has its own.',
  ),
  FEED_WINDOWS_IN_FLIGHT: wholeNumber(10, 1, 16).describe(
    'Change feed windows (of 100 sequence numbers) that are read at once.',
  ),
  QUEUE_LIMIT: wholeNumber(5000, 1, 1_000_000).describe(
    'Messages in the queue study-changes beyond which the feed is not pulled.',
  ),
  PULL_SECONDS: wholeNumber(240, 1, 3600).describe(
    'Seconds after which a run of pull-change-feed stops at the end of its round.',
  ),
  TABLE_PREFIX: z
    .string()
    .regex(/^([A-Za-z][A-Za-z0-9]{0,29})?$/, 'expected up to 30 letters and digits, starting with a letter')
    .default('')
    .describe(
      'Prefix of the tables SyncState, FailedEntries, ValidationWarnings and PatientLocks. Queues have none: each installation needs a storage account of its own.',
    ),
  MAX_ATTEMPTS: wholeNumber(8, 1, 30).describe(
    'Attempts at a study before a transient error is filed as failed. Keep maxDequeueCount of host.json at MAX_ATTEMPTS + 2.',
  ),
  BACK_OFF_BASE_SECONDS: wholeNumber(2, 1, 600).describe(
    'Delay in seconds before the second attempt; doubles with each attempt.',
  ),
  BACK_OFF_CAP_SECONDS: wholeNumber(300, 1, 86_400).describe('Longest delay in seconds between two attempts.'),
  DEFER_CAP_SECONDS: wholeNumber(600, 1, 86_400).describe(
    'Longest delay in seconds of a study that is deferred while a service is down.',
  ),
  OUTAGE_BUDGET_HOURS: wholeNumber(168, 1, 8760).describe(
    'Hours that a study is deferred because a service is down, before it is filed as failed.',
  ),
  FHIR_TIMEOUT_SECONDS: wholeNumber(60, 1, 600).describe('Longest time in seconds of one FHIR request.'),
  FHIR_TOGETHER: wholeNumber(32, 1, 50).describe(
    'Most studies whose searches, or whose small transactions, share a FHIR request when several are worked on at once. 1: each has its own.',
  ),
  DICOM_TIMEOUT_SECONDS: wholeNumber(100, 1, 600).describe('Longest time in seconds of one DICOM request.'),
  FUNCTION_TIMEOUT_SECONDS: wholeNumber(600, 10, 86_400).describe(
    'functionTimeout of host.json in seconds: a mark older than this plus FHIR_TIMEOUT_SECONDS was left by a worker that is gone.',
  ),
  PATIENT_LOCK: z
    .enum(['on', 'off'], 'expected on or off')
    .default('on')
    .describe(
      'on: a new Patient is created under a lock that runs out after a minute. off: only where the conditional create of the FHIR server is atomic.',
    ),
  VALIDATION: z
    .enum(['partial', 'full'], 'expected partial or full')
    .default('partial')
    .describe('partial: an invalid optional attribute is left out and warned about. full: it makes its instance fail.'),
  WARNING_RETENTION_DAYS: wholeNumber(90, 1, 3650).describe('Days that validation warnings are kept.'),
  ...mappingSettings,
  APPLICATIONINSIGHTS_CONNECTION_STRING: z
    .string()
    .optional()
    .describe(
      'Connection string of Application Insights, which the host reads too. Without it metrics and events are lines of the log.',
    ),
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: insightsAuthentication
    .optional()
    .describe(
      'Authorization=AAD;ClientId=... where Application Insights takes telemetry from identities only; the host reads it too.',
    ),
  TRACE_SAMPLING_PERCENT: wholeNumber(100, 0, 100).describe(
    'Part of the traces whose spans go to Application Insights. Metrics and events always do.',
  ),
  NOTIFIER_CONSOLE: flag(false).describe('true: failures are also written to standard output, one line each.'),
  NOTIFIER_WEBHOOK_URL: z
    .url({ protocol: /^https?$/, error: 'expected an absolute http(s) URL' })
    .optional()
    .describe('Failures are posted here as CloudEvents.'),
  NOTIFIER_MODULE: z
    .string()
    .optional()
    .describe('Path of a CommonJS module that exports a FailureNotifier of your own.'),
});

/** The settings after the check, with defaults filled in. */
export type Settings = z.output<typeof settingsSchema>;

/** One or more settings are wrong. The message names every one of them and what was expected, never a value. */
export class SettingsError extends Error {
  readonly code = 'SettingsError';
  constructor(readonly problems: readonly string[]) {
    super(
      `${problems.length === 1 ? 'A setting is' : `${problems.length} settings are`} wrong: ${problems.join('; ')}`,
    );
    this.name = 'SettingsError';
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Checks the app settings.
 * @throws SettingsError naming every wrong setting at once
 */
export function readSettings(environment: Environment): Settings {
  return checkSettings(settingsSchema, environment, (given) => [
    ...identityProblems(given),
    ...tooManyAttempts(given, environment),
  ]);
}

/**
 * Checks the settings of a schema. An empty text counts as not set, because deployment templates write empty values.
 * @param further what one setting asks of others, on the texts that are set
 * @throws SettingsError naming every wrong setting at once
 */
export function checkSettings<T extends z.ZodObject>(
  schema: T,
  environment: Environment,
  further: (given: Environment) => readonly string[],
): z.output<T> {
  const given = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [
      name,
      environment[name]?.trim() === '' ? undefined : environment[name]?.trim(),
    ]),
  );
  const result = schema.safeParse(given);
  const missing = [...further(given), ...unresolvedReferences(given)];
  if (!result.success || missing.length > 0) {
    throw new SettingsError([
      ...(result.error?.issues ?? []).map((issue) => {
        const name = String(issue.path[0]);
        return `${name}: ${given[name] === undefined ? 'is not set and has no default' : issue.message}`;
      }),
      ...missing,
    ]);
  }
  return result.data;
}

/** maxDequeueCount of host.json as this project ships it. */
const HOST_MAX_DEQUEUE_COUNT = 10;

/** The host must not give up on a message before the app has filed it. */
function tooManyAttempts(
  given: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const limit = Number(
    environment.AzureFunctionsJobHost__extensions__queues__maxDequeueCount ?? HOST_MAX_DEQUEUE_COUNT,
  );
  return Number(given.MAX_ATTEMPTS ?? '0') + 2 > limit
    ? [`MAX_ATTEMPTS: expected at most ${limit - 2}, two below maxDequeueCount of the host`]
    : [];
}

/** Azure leaves the text of a Key Vault reference in place while it cannot read the secret (App Service: Use Key Vault references). */
function unresolvedReferences(given: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(given)
    .filter(([, value]) => value?.startsWith('@Microsoft.KeyVault(') === true)
    .map(([name]) => `${name}: its Key Vault reference is not resolved; expected a secret that the app may read`);
}

/** What the documentation says of one setting. */
export interface SettingDescription {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly defaultText: string;
  /** Where only some texts are allowed. */
  readonly values?: readonly string[] | undefined;
  /** Of a whole number. */
  readonly range?: { readonly minimum: number; readonly maximum: number } | undefined;
}

/** Every setting of Cast with its description and default, in the order of the schema. */
export function describeSettings(): readonly SettingDescription[] {
  return describeSchema(settingsSchema);
}

export function describeSchema(settings: z.ZodObject): readonly SettingDescription[] {
  return Object.entries(settings.shape as Readonly<Record<string, z.ZodType>>).map(([name, schema]) => {
    const missing = schema.safeParse(undefined);
    const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
    const { minimum, maximum } = json;
    return {
      name,
      description: schema.description ?? '',
      required: !missing.success,
      defaultText: typeof json.default === 'string' ? json.default : '',
      values: json.enum?.map(String),
      range: minimum === undefined || maximum === undefined ? undefined : { minimum, maximum },
    };
  });
}
