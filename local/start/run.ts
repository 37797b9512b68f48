import { resolve } from 'node:path';
import { type CastRun, startCast } from './castRun';
import { runOnCoreTools } from './coreTools';
import type { StartOptions } from './commandLine';
import { startEmbeddedDatabase } from '../reconcile/embeddedDatabase';
import { type SamplePayloadStore, startSamplePayloadStore } from '../reconcile/samplePayloadStore';
import { type ReconcileSummary, showReconcile } from '../reconcile/showReconcile';
import { type Services, startServices } from './services';
import { storeFolder, storeSamples, type Stored } from './storeInstances';
import { summarise } from './summary';

/** Brings everything up on this machine, stores studies and shows what becomes of them. @returns the exit code */
export async function run(options: StartOptions): Promise<number> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted.abort();
    });
  }
  say('Starting storage (Azurite), a DICOM service and a FHIR server in this process ...');
  const services = await startServices(options);
  try {
    return await runCast(options, services, interrupted.signal);
  } finally {
    await services.stop();
  }
}

async function runCast(options: StartOptions, services: Services, signal: AbortSignal): Promise<number> {
  const stored = await storeStudies(options, services);
  const payloads = await startSamplePayloadStore(services.azurite, await startEmbeddedDatabase());
  say(`Stored ${payloads.payloads} payloads of a FHIR server beside its database.`);
  try {
    return await runFunctions(options, { ...services, stored, payloads }, signal);
  } finally {
    await payloads.stop();
  }
}

interface Stocked extends Services {
  readonly stored: Stored | undefined;
  readonly payloads: SamplePayloadStore;
}

async function runFunctions(options: StartOptions, services: Stocked, signal: AbortSignal): Promise<number> {
  const { stored, payloads } = services;
  say('Starting the functions ...');
  const appDirectory = resolve(__dirname, '..', '..', '..');
  if (options.coreTools) {
    await runOnCoreTools(appDirectory, services, payloads.settings, options.ports.functions, signal);
    return 0;
  }
  const cast = await startCast(appDirectory, {
    services,
    settings: payloads.settings,
    port: options.ports.functions,
    schedule: options.once ? NEVER : '*/3 * * * * *',
    onProgress: say,
    onTrouble: say,
  });
  try {
    await cast.syncAll(signal);
    say('Reconciling the sample payloads ...');
    const reconcile = await showReconcile(cast);
    const summary = { ...(await summarise(cast, services, stored)), reconcile };
    if (options.once) return await finish(cast, summary, signal);
    showWhereToLook(cast, services, summary);
    await new Promise((done) => {
      if (signal.aborted) done(undefined);
      signal.addEventListener('abort', done, { once: true });
    });
    say('Stopping ...');
    return 0;
  } finally {
    await cast.stop();
  }
}

/** The 29th of February of a year that is not one: the timer runs only when it is asked to. */
const NEVER = '0 0 0 29 2 *';

async function storeStudies({ dicomFolder }: StartOptions, { dicom }: Services): Promise<Stored | undefined> {
  if (dicom === undefined) return undefined;
  const stored = dicomFolder === undefined ? storeSamples(dicom) : await storeFolder(dicom, dicomFolder);
  if (dicomFolder !== undefined) for (const { source, reason } of stored.skipped) say(`Skipped ${source}: ${reason}`);
  say(
    `Stored ${stored.instances} instances of ${stored.studies} studies; ${stored.skipped.length} files or objects were skipped.`,
  );
  return stored;
}

type StartSummary = Awaited<ReturnType<typeof summarise>> & { readonly reconcile: ReconcileSummary };

/** --once: a second look at everything has to change nothing; then the summary, and the exit code. */
async function finish(cast: CastRun, summary: StartSummary, signal: AbortSignal): Promise<number> {
  const before = cast.figures.sum('resources-written');
  await cast.call('POST', '/api/resync');
  await cast.syncAll(signal);
  const secondRound = { resourcesWritten: cast.figures.sum('resources-written') - before };
  const { failedEntries } = (await cast.call('GET', '/api/status')) as Pick<typeof summary, 'failedEntries'>;
  console.log(JSON.stringify({ ...summary, failedEntries, secondRound }, undefined, 2));
  return failedEntries.total === 0 && secondRound.resourcesWritten === 0 ? 0 : 1;
}

function showWhereToLook(cast: CastRun, { dicomUrl, fhirUrl, azurite }: Services, summary: StartSummary): void {
  const { studies, instances, fhir, failedEntries } = summary;
  console.log(`
${studies} studies with ${instances} instances are in FHIR: ${Object.entries(fhir.resourcesWritten)
    .map(([type, count]) => `${count} ${type}`)
    .join(', ')}.
${failedEntries.total === 0 ? 'Nothing failed.' : `${failedEntries.total} entries failed: ${JSON.stringify(failedEntries.byReason)}`}

Look at it:
  curl -s '${fhirUrl}/ImagingStudy?_count=3'          what Cast wrote
  curl -s '${fhirUrl}/Patient?_count=3'
  curl -s '${cast.url}/api/status'                     how far Cast is
  curl -s '${cast.url}/api/failed-entries'             what is not in FHIR, and why
  curl -s '${cast.url}/api/health'
  curl -s '${dicomUrl}/v1/changefeed?includeMetadata=false'

Change something and see FHIR follow within seconds:
  curl -s -X DELETE '${dicomUrl}/v2/studies/${summary.exampleStudy ?? '<StudyInstanceUID>'}'

Payloads of a FHIR server were reconciled with its database: a report found ${summary.reconcile.dryRun.orphans as number} orphans of ${summary.reconcile.dryRun.listed as number},
and a run moved ${summary.reconcile.deleteRun.quarantined as number} of them to quarantine. Do it yourself:
  curl -s -X POST '${cast.url}/api/reconcile' -d '{"wait":60}'                                      a report; nothing changes
  curl -s '${cast.url}/api/reconcile/${summary.reconcile.deleteRun.runId as string}/report'          what became of each
  curl -s -X POST '${cast.url}/api/quarantine/restore' -d '{"runId":"${summary.reconcile.deleteRun.runId as string}","dryRun":false}'
  curl -s -X POST '${cast.url}/api/reconcile' -d '{"dryRun":false,"wait":60}'                        deletes them
  curl -s '${cast.url}/api/payloads/Patient/pat-0001/1'                                             reads a payload

Storage for other tools: ${azurite.connectionString}
Stop with Ctrl+C.`);
}

/** Progress goes to the error stream, so that the output of --once is the summary alone. */
function say(text: string): void {
  console.error(text);
}
