import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import { setTimeout as delay } from 'node:timers/promises';
import { InvalidContinuationToken } from '../failures/pageToken';
import { restorePayloads } from '../payloads/restorePayloads';
import { InvalidToken } from '../payloads/runs/continuationToken';
import { findingLines } from '../payloads/runs/pageFiles';
import { readReport, type ReportPosition } from '../payloads/runs/readReport';
import { hasEnded, type Run } from '../payloads/runs/run';
import { type RunView, viewRun } from '../payloads/runs/runView';
import { UnknownStore, type ReconcileServices } from '../payloads/runs/services';
import { cancelRun, InvalidRunRequest, startRun } from '../payloads/runs/startRun';
import { runSlice, type FollowUp } from '../payloads/runs/steps';
import type { PayloadStore } from '../payloads/payloadStore';
import { fromDependencies } from './dependencyDown';
import { readPayloadRoute } from './payloadRoute';
import { BadRequest, check, json, problem } from './problem';
import {
  createContainerBody,
  listQuery,
  reportQuery,
  restoreBody,
  runPath,
  startBody,
  toRunRequest,
} from './reconcileRequests';
import { readBody, readQuery } from './requests';

export interface ReconcileApiDependencies {
  readonly services: ReconcileServices;
  /** Puts slices where a worker takes them. */
  readonly send: (followUps: readonly FollowUp[], signal: AbortSignal) => Promise<void>;
}

/** What the storage accounts are for, which may be one and the same. */
export const STORAGE_OF_THE_APP = 'of this app';
const STORAGE_OF_PAYLOADS = 'of the payloads';

type Route = (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponseInit>;

/**
 * What an operator can ask of Reconcile over HTTP (design 4). Nothing is changed unless `dryRun` is false.
 * Every route throws BadRequest for what is wrong with a request, and DependencyDown where a database or storage account fails.
 */
export interface ReconcileApi {
  readonly start: Route;
  readonly list: Route;
  readonly read: Route;
  readonly report: Route;
  readonly cancel: Route;
  readonly restore: Route;
  readonly readPayload: Route;
  readonly createContainer: Route;
}

const POLL_MS = 500;
const RETRY_AFTER_SECONDS = 5;
/** An HTTP trigger has to answer within 230 s (Azure Load Balancer). */
const TIME_LIMIT_MS = 150_000;
/** Findings of one answer, at least; a page is never cut. */
const FINDINGS_OF_AN_ANSWER = 10_000;

export function reconcileApi({ services, send }: ReconcileApiDependencies): ReconcileApi {
  const viewOf = async (run: Run, signal: AbortSignal): Promise<RunView> => {
    const shards = await services.runs.readShards(run.id, signal);
    return viewRun(
      run,
      shards.map(({ value }) => value),
      services.clock(),
    );
  };
  const runOf = async (request: HttpRequest, signal: AbortSignal): Promise<Run> => {
    const { runId } = check(runPath, request.params, 'The path is wrong');
    const run = await services.runs.read(runId, signal);
    if (run === undefined) throw new BadRequest(`There is no run ${runId}`, [], 404);
    return run.value;
  };
  const askingApp = (route: Route): Route => askingStorage(STORAGE_OF_THE_APP, route);
  const askingPayloads = (route: Route): Route => askingStorage(STORAGE_OF_PAYLOADS, route);
  return {
    start: askingApp((request, signal) =>
      named(async () => {
        const body = await readBody(request, startBody);
        const { run, followUps } = await startRun(services, toRunRequest(body));
        await send(followUps, signal);
        const now = await ended(services, run, body.wait * 1000, signal);
        return withRunUrl(request, now, await viewOf(now, signal));
      }),
    ),
    list: askingApp((request, signal) =>
      named(async () => {
        const { items, continuationToken } = await services.runs.list(readQuery(request, listQuery), signal);
        const views = await Promise.all(items.map((run) => viewOf(run, signal)));
        return json(200, { items: views, continuationToken });
      }),
    ),
    read: askingApp(async (request, signal) => json(200, await viewOf(await runOf(request, signal), signal))),
    report: askingApp(async (request, signal) => {
      const { continuationToken } = readQuery(request, reportQuery);
      return reportAnswer(services, await runOf(request, signal), positionOf(continuationToken), signal);
    }),
    cancel: askingApp(async (request, signal) => {
      const run = await runOf(request, signal);
      await cancelRun(services, run.id, signal);
      await send([runSlice(run.id)], signal);
      return json(202, await viewOf(await runOf(request, signal), signal));
    }),
    restore: askingPayloads((request, signal) =>
      named(async () => {
        const { tenantId, dsId, ...body } = await readBody(request, restoreBody);
        const { quarantine } = services.openStore(tenantId, dsId);
        if (quarantine === undefined)
          throw new BadRequest('There is no quarantine', [
            { field: 'tenantId', expected: 'a tenant and datasource with a quarantine container' },
          ]);
        return json(200, await restorePayloads(quarantine, { ...body, timeLimitMs: TIME_LIMIT_MS }, signal));
      }),
    ),
    readPayload: askingPayloads((request, signal) => named(() => readPayloadRoute(services, request, signal))),
    createContainer: askingPayloads((request, signal) =>
      named(async () => {
        const { tenantId, dsId, dryRun } = await readBody(request, createContainerBody);
        return json(200, await createContainer(services.openStore(tenantId, dsId), dryRun, signal));
      }),
    ),
  };
}

function askingStorage(account: string, route: Route): Route {
  return (request, signal) => fromDependencies(account, () => route(request, signal));
}

/** What is wrong with a request only its use shows; the answer names the field all the same. */
async function named(work: () => Promise<HttpResponseInit>): Promise<HttpResponseInit> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UnknownStore)
      throw new BadRequest(error.message, [
        { field: 'tenantId', expected: 'a tenant and datasource of the configuration' },
      ]);
    if (error instanceof InvalidContinuationToken)
      throw new BadRequest('A query parameter is wrong', [
        { field: 'continuationToken', expected: 'the token of an earlier answer to the same query' },
      ]);
    if (error instanceof InvalidToken)
      throw new BadRequest(error.message, [{ field: 'continuationToken', expected: 'a token of an earlier run' }]);
    if (error instanceof InvalidRunRequest)
      throw new BadRequest('The request body is wrong', [{ field: error.field, expected: error.expected }]);
    throw error;
  }
}

/** Waits for the end of a run, but no longer than asked. */
async function ended(
  { runs, monotonicMs }: ReconcileServices,
  run: Run,
  waitMs: number,
  signal: AbortSignal,
): Promise<Run> {
  const untilMs = monotonicMs() + waitMs;
  let now = run;
  while (!hasEnded(now.state) && monotonicMs() < untilMs) {
    await delay(Math.min(POLL_MS, untilMs - monotonicMs()), undefined, { signal });
    now = (await runs.read(run.id, signal))?.value ?? now;
  }
  return now;
}

function withRunUrl(request: HttpRequest, run: Run, view: RunView): HttpResponseInit {
  const location = new URL(`${new URL(request.url).pathname.replace(/\/$/, '')}/${run.id}`, request.url).href;
  if (hasEnded(run.state)) return { ...json(200, view), headers: { 'content-type': 'application/json', location } };
  const headers = { 'content-type': 'application/json', location, 'retry-after': String(RETRY_AFTER_SECONDS) };
  return { ...json(202, { ...view, url: location }), headers };
}

function positionOf(token: string | undefined): ReportPosition | undefined {
  if (token === undefined) return undefined;
  const [, shard, page] = /^([0-9a-z-]+)\.([0-9]+)$/.exec(token) ?? [];
  if (shard === undefined || page === undefined)
    throw new BadRequest('A query parameter is wrong', [
      { field: 'continuationToken', expected: 'the token of an earlier answer for the same report' },
    ]);
  return { shard, page: Number(page) };
}

/** As many pages as make an answer of a sensible size; the token for the rest is in a header, and in a link to it. */
async function reportAnswer(
  services: ReconcileServices,
  run: Run,
  from: ReportPosition | undefined,
  signal: AbortSignal,
): Promise<HttpResponseInit> {
  const headers: Record<string, string> = { 'content-type': 'application/x-ndjson' };
  let body = '';
  let findings = 0;
  const startedMs = performance.now();
  for await (const page of readReport(services, run, signal, from)) {
    if (findings >= FINDINGS_OF_AN_ANSWER || performance.now() - startedMs > TIME_LIMIT_MS) {
      const token = `${page.position.shard}.${page.position.page}`;
      headers['x-continuation-token'] = token;
      headers.link = `<?continuationToken=${token}>; rel="next"`;
      break;
    }
    body += findingLines(page.findings);
    findings += page.findings.length;
  }
  return { status: 200, headers, body };
}

/** What was done about the container of a store. */
export interface ContainerAnswer {
  readonly container: string;
  readonly dryRun: boolean;
  readonly existed: boolean;
  readonly created: boolean;
}

async function createContainer(
  { container }: PayloadStore,
  dryRun: boolean,
  signal: AbortSignal,
): Promise<ContainerAnswer> {
  const existed = await container.exists(signal);
  const created = !dryRun && !existed && (await container.create(signal));
  return { container: container.name, dryRun, existed, created };
}

/** The answer where Reconcile is not configured. */
export function reconcileIsOff(): HttpResponseInit {
  return problem(503, 'Reconcile is off: set PAYLOAD_STORES or FHIR_CONFIG_DIR');
}
