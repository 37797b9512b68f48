import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import type { PartitionedDicomWebClient } from '../dicom/dicomWebClient';
import { classify } from '../failures/classify';
import { type FailedEntries, InvalidContinuationToken } from '../failures/failedEntries';
import type { ValidationWarnings } from '../failures/warnings';
import type { ChangeFeedClient } from '../feed/changeFeedClient';
import type { SyncStateStore } from '../feed/syncState';
import type { StudyQueue } from '../study/studyQueue';
import { cursorBody, resyncBody, syncStudyPath, syncStudyQuery } from './castRequests';
import { dismissQuery, failedEntriesQuery, retryBody, toEntryFilter, warningsQuery } from './filters';
import { BadRequest, check, json, problem } from './problem';
import { readBody, readQuery } from './requests';
import { resync } from './resync';
import { retryFailedEntries } from './retryFailedEntries';
import { setCursor } from './setCursor';

export interface CastApiDependencies {
  readonly failedEntries: FailedEntries;
  readonly warnings: ValidationWarnings;
  readonly queue: StudyQueue;
  readonly state: SyncStateStore;
  readonly changeFeed: Pick<ChangeFeedClient, 'window'>;
  readonly dicom: Pick<PartitionedDicomWebClient, 'searchStudies' | 'partitions'>;
}

type Route = (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponseInit>;

/** What an operator can ask and do over HTTP (design 3.4). Every route checks its input and may throw BadRequest. */
export interface CastApi {
  readonly listFailedEntries: Route;
  readonly retryFailedEntries: Route;
  readonly dismissFailedEntries: Route;
  readonly listWarnings: Route;
  readonly syncStudy: Route;
  readonly resync: Route;
  readonly setCursor: Route;
}

export function castApi(deps: CastApiDependencies): CastApi {
  return {
    async listFailedEntries(request, signal) {
      const { top, continuationToken, ...filter } = readQuery(request, failedEntriesQuery);
      return paged(() => deps.failedEntries.list(toEntryFilter(filter), { top, continuationToken }, signal));
    },
    async retryFailedEntries(request, signal) {
      const { all: _all, ...filter } = await readBody(request, retryBody);
      return json(202, await retryFailedEntries(deps, toEntryFilter(filter), signal));
    },
    async dismissFailedEntries(request, signal) {
      const filter = readQuery(request, dismissQuery);
      return json(200, { dismissed: await deps.failedEntries.dismiss(toEntryFilter(filter), signal) });
    },
    async listWarnings(request, signal) {
      const { top, continuationToken, study, partition, instance, keyword, since } = readQuery(request, warningsQuery);
      const filter = {
        study: study === undefined ? undefined : { uid: study, partition },
        instanceUid: instance,
        keyword,
        since: since === undefined ? undefined : new Date(since),
      };
      return paged(() => deps.warnings.list(filter, { top, continuationToken }, signal));
    },
    async syncStudy(request, signal) {
      const { uid } = check(syncStudyPath, request.params, 'The path is wrong');
      const { partition } = readQuery(request, syncStudyQuery);
      await deps.queue.send({ study: { partition, uid }, changes: [] }, { signal });
      return json(202, { study: { partition, uid } });
    },
    async resync(request, signal) {
      const asked = await readBody(request, resyncBody);
      return fromDicom(async () => json(202, await resync(deps, asked, signal)));
    },
    async setCursor(request, signal) {
      const { sequence } = await setCursor(deps.state, await readBody(request, cursorBody), signal);
      return json(200, { sequence });
    },
  };
}

/** A DICOM service that cannot be asked is neither the caller's fault nor ours. */
async function fromDicom(work: () => Promise<HttpResponseInit>): Promise<HttpResponseInit> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BadRequest) throw error;
    const { kind, dependency, message } = classify(error, 'dicom');
    if (kind === 'unexpected' || dependency !== 'dicom') throw error;
    return problem(502, message);
  }
}

async function paged(read: () => Promise<unknown>): Promise<HttpResponseInit> {
  try {
    return json(200, await read());
  } catch (error) {
    if (!(error instanceof InvalidContinuationToken)) throw error;
    throw new BadRequest('A query parameter is wrong', [
      { field: 'continuationToken', expected: 'the token of an earlier answer to the same query' },
    ]);
  }
}
