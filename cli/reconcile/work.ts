import type { Environment } from '../../src/payloads/configuration/environmentReferences';
import type { PayloadConfiguration } from '../../src/payloads/configuration/payloadConfiguration';
import type { PayloadContainer } from '../../src/payloads/container/payloadContainer';
import type { FhirDatabase } from '../../src/payloads/database/fhirDatabase';
import type { TypeNames } from '../../src/payloads/readPayload';
import type { Action, RequestedWork } from './commandLine';
import { exitCodes, type Console, type ExitCode } from './console';
import { createContainer } from './createContainer';
import { openDatabase } from './openDatabase';
import { parseReadPaths, printPayloads } from './readPayloads';
import { reconcile } from './reconcile';
import { restore } from './restore';
import { findSharers, openContainer, openQuarantine } from './tenantStore';

export interface WorkDependencies {
  readonly environment: Environment;
  readonly console: Console;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
}

/** Does what the command line asks for: the container first, then the action. */
export async function doWork(
  work: RequestedWork,
  configuration: PayloadConfiguration,
  dependencies: WorkDependencies,
): Promise<ExitCode> {
  const { console, abort } = dependencies;
  if (configuration.serviceVersion !== undefined)
    console.tell('WARNING: serviceVersion of the configuration is not used: requests are of the version of this tool');
  const container = openContainer(configuration);
  if (work.createContainer) await createContainer(container, work.dryRun, console, abort);
  if (work.action === undefined) return exitCodes.clean;
  const context = { work, configuration, dependencies, container };
  const { action } = work;
  switch (action.kind) {
    case 'restore':
      return restore(openQuarantine(configuration, action.quarantine), action, work.dryRun, console, abort);
    case 'read': {
      const printed = (types: TypeNames): Promise<ExitCode> =>
        printPayloads(container, parseReadPaths(action.paths, types), types, console, abort);
      if (work.database === undefined) return printed(undefined);
      return withDatabase(context, async (database) => printed(await database.resourceTypes()));
    }
    case 'reconcile':
      return reconcileWith(context, action);
  }
}

interface Context {
  readonly work: RequestedWork;
  readonly configuration: PayloadConfiguration;
  readonly dependencies: WorkDependencies;
  readonly container: PayloadContainer;
}

async function reconcileWith(context: Context, action: Extract<Action, { kind: 'reconcile' }>): Promise<ExitCode> {
  const { work, configuration, dependencies, container } = context;
  const { environment, console } = dependencies;
  const quarantine = action.quarantine === undefined ? undefined : openQuarantine(configuration, action.quarantine);
  const sharedContainers = await findSharers(work.configDir, configuration, environment, console.tell);
  return withDatabase(context, (database) => {
    console.tell(
      `Container ${container.name} of ${container.account}; ${database.description}${work.dryRun ? '; dry run' : ''}`,
    );
    const { tenantId, dsId } = configuration;
    return reconcile(
      { ...dependencies, sharedContainers, store: { tenantId, dsId, container, database, quarantine } },
      action,
      work.dryRun,
    );
  });
}

async function withDatabase<T>(
  { work, dependencies }: Context,
  use: (database: FhirDatabase) => Promise<T>,
): Promise<T> {
  if (work.database === undefined) throw new TypeError('This action needs a database');
  const database = await openDatabase(work.database, dependencies.environment, dependencies.console);
  try {
    return await use(database);
  } finally {
    await database.close();
  }
}
