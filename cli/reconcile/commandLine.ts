import { CommanderError } from 'commander';
import type { Overrides } from '../../src/payloads/guards/guards';
import { LEAST_GRACE_OF_DELETES_MS } from '../../src/payloads/runs/startRun';
import { commandLineOptions, helpText, type RawOptions } from './options';
import { UsageError } from './usageError';

/** What the command line asks for. */
export type CommandLine = { readonly kind: 'help'; readonly text: string } | RequestedWork;

export interface RequestedWork {
  readonly kind: 'work';
  readonly configDir: string;
  readonly tenantId: string;
  readonly dsId: string;
  readonly database: DatabaseOption | undefined;
  readonly dryRun: boolean;
  /** before the action */
  readonly createContainer: boolean;
  /** undefined: only the container is created */
  readonly action: Action | undefined;
}

export interface DatabaseOption {
  readonly propertiesFile: string;
  readonly type: 'postgresql' | 'derby';
}

export type Action = ReconcileAction | ReadAction | RestoreAction;

export interface ReconcileAction {
  readonly kind: 'reconcile';
  readonly database: DatabaseOption;
  readonly maxScanSeconds: number | undefined;
  readonly continuationToken: string | undefined;
  readonly minAgeHours: number;
  readonly includeTombstones: boolean;
  readonly quarantine: Quarantine | undefined;
  readonly audit: boolean;
  /** names, as they were given; undefined: all */
  readonly resourceTypes: readonly string[] | undefined;
  readonly reportFile: string | undefined;
  readonly pageSize: number;
  readonly overrides: Overrides;
}

export interface ReadAction {
  readonly kind: 'read';
  /** as they were given */
  readonly paths: readonly string[];
}

export interface RestoreAction {
  readonly kind: 'restore';
  readonly runId: string;
  /** of one payload; undefined: all of the run */
  readonly payloadName: string | undefined;
  readonly quarantine: Quarantine;
}

/** The container for payloads that are taken away; undefined: the one that is named after the scanned one. */
export interface Quarantine {
  readonly container: string | undefined;
}

/** Under this age of a payload nothing is deleted, whatever the command line says. */
const LEAST_HOURS_FOR_DELETES = LEAST_GRACE_OF_DELETES_MS / 3_600_000;

/** Options that say how to reconcile. */
const OF_RECONCILE: readonly (readonly [keyof RawOptions, string])[] = [
  ['maxScanSeconds', '--max-scan-seconds'],
  ['continuationToken', '--continuation-token'],
  ['minAgeHours', '--min-age-hours'],
  ['includeTombstones', '--include-tombstones'],
  ['audit', '--audit'],
  ['resourceTypes', '--resource-types'],
  ['report', '--report'],
  ['pageSize', '--page-size'],
  ['override', '--override'],
];

/** @throws UsageError */
export function readCommandLine(args: readonly string[]): CommandLine {
  const command = commandLineOptions();
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return { kind: 'help', text: helpText(command) };
    throw new UsageError(error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' '));
  }
  const isGiven = (option: keyof RawOptions): boolean => command.getOptionValueSource(option) === 'cli';
  return requestedWork(command.opts<RawOptions>(), isGiven);
}

function requestedWork(options: RawOptions, isGiven: (option: keyof RawOptions) => boolean): RequestedWork {
  const database = databaseOption(options);
  const createContainer = options.createContainer === true;
  const action = requestedAction(options, database);
  if (action === undefined && !createContainer)
    throw new UsageError('expected at least one action: --reconcile, --read, --restore or --create-container');
  refuseStrayOptions(action, isGiven);
  return {
    kind: 'work',
    configDir: options.fhirConfigDir,
    tenantId: options.tenantId,
    dsId: options.dsId,
    database,
    dryRun: options.dryRun,
    createContainer,
    action,
  };
}

function databaseOption({ dbProperties, dbType }: RawOptions): DatabaseOption | undefined {
  if (dbProperties !== undefined && dbType !== undefined) return { propertiesFile: dbProperties, type: dbType };
  if (dbProperties !== undefined) throw new UsageError('--db-properties: expected --db-type beside it');
  if (dbType !== undefined) throw new UsageError('--db-type: expected --db-properties beside it');
  return undefined;
}

function requestedAction(options: RawOptions, database: DatabaseOption | undefined): Action | undefined {
  const { reconcile, read = [], restore } = options;
  if (reconcile === true && read.length > 0)
    throw new UsageError('--read: expected without --reconcile, in a call of its own');
  if (restore !== undefined && (reconcile === true || read.length > 0))
    throw new UsageError('--restore: expected without --reconcile and --read, in a call of its own');
  if (reconcile === true) return reconcileAction(options, database);
  if (restore !== undefined) return restoreAction(options, restore);
  if (read.length > 0) return { kind: 'read', paths: read };
  return undefined;
}

function reconcileAction(options: RawOptions, database: DatabaseOption | undefined): ReconcileAction {
  if (database === undefined) throw new UsageError('--reconcile: expected --db-properties and --db-type beside it');
  const { dryRun, minAgeHours, audit, continuationToken, resourceTypes } = options;
  if (!dryRun && minAgeHours < LEAST_HOURS_FOR_DELETES)
    throw new UsageError(`--min-age-hours: expected ${LEAST_HOURS_FOR_DELETES} or more with --no-dry-run`);
  if (audit === true && continuationToken !== undefined)
    throw new UsageError('--audit: expected without --continuation-token, because it needs the whole container');
  if (audit === true && resourceTypes !== undefined)
    throw new UsageError('--audit: expected without --resource-types, because it needs the whole container');
  return {
    kind: 'reconcile',
    database,
    maxScanSeconds: options.maxScanSeconds,
    continuationToken,
    minAgeHours,
    includeTombstones: options.includeTombstones === true,
    quarantine: quarantineOf(options),
    audit: audit === true,
    resourceTypes,
    reportFile: options.report,
    pageSize: options.pageSize,
    overrides: options.override ?? {},
  };
}

function restoreAction(options: RawOptions, restore: string): RestoreAction {
  const [runId = '', ...name] = restore.split('/');
  if (runId === '')
    throw new UsageError('--restore: expected the id of a run, or one with / and the name of a payload');
  return {
    kind: 'restore',
    runId,
    payloadName: name.length === 0 ? undefined : name.join('/'),
    quarantine: quarantineOf(options) ?? { container: undefined },
  };
}

function quarantineOf({ quarantine }: RawOptions): Quarantine | undefined {
  if (quarantine === undefined) return undefined;
  return { container: quarantine === true ? undefined : quarantine };
}

/** An option that would do nothing is a mistake: the person who gave it believes that it does something. */
function refuseStrayOptions(action: Action | undefined, isGiven: (option: keyof RawOptions) => boolean): void {
  if (action?.kind === 'reconcile') return;
  for (const [option, flag] of OF_RECONCILE)
    if (isGiven(option)) throw new UsageError(`${flag}: expected with --reconcile only`);
  if (action?.kind !== 'restore' && isGiven('quarantine'))
    throw new UsageError('--quarantine: expected with --reconcile or --restore only');
}
