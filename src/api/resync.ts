import { z } from 'zod';
import { parseJson } from '../http/json';
import type { PartitionedDicomWebClient } from '../dicom/dicomWebClient';
import type { StudyQueue } from '../study/studyQueue';
import { BadRequest } from './problem';

export interface ResyncDependencies {
  readonly dicom: Pick<PartitionedDicomWebClient, 'searchStudies' | 'partitions'>;
  readonly queue: StudyQueue;
}

export interface ResyncSummary {
  readonly studies: number;
  /** There is more: send the request again with this token. */
  readonly continuationToken?: string;
}

const PAGE_SIZE = 200;
/** An HTTP trigger has to answer within 230 s (Azure Load Balancer). */
const TIME_LIMIT_MS = 150_000;

const tokenSchema = z.object({ partition: z.string(), offset: z.number().int().nonnegative() });
type Position = z.output<typeof tokenSchema>;

/**
 * Walks the studies of the DICOM service by QIDO-RS and has each looked at; stops at a time limit with a token to go on.
 * @throws BadRequest for a partition that the service does not have, and for a token that is none of ours
 */
export async function resync(
  deps: ResyncDependencies,
  request: { readonly partition?: string | undefined; readonly continuationToken?: string | undefined },
  signal: AbortSignal,
): Promise<ResyncSummary> {
  const started = performance.now();
  const partitions = await partitionsToWalk(deps, request.partition, signal);
  const from = request.continuationToken === undefined ? undefined : readToken(request.continuationToken, partitions);
  let studies = 0;
  for (const partition of partitions.slice(from === undefined ? 0 : partitions.indexOf(from.partition))) {
    let offset = partition === from?.partition ? from.offset : 0;
    for (;;) {
      if (performance.now() - started > TIME_LIMIT_MS)
        return { studies, continuationToken: writeToken({ partition, offset }) };
      const uids = await deps.dicom.searchStudies({ partition, limit: PAGE_SIZE, offset }, signal);
      for (const uid of uids) await deps.queue.send({ study: { partition, uid }, changes: [] }, { signal });
      studies += uids.length;
      offset += uids.length;
      // Pages may be shorter than asked for; only an empty one is the end.
      if (uids.length === 0) break;
    }
  }
  return { studies };
}

async function partitionsToWalk(
  deps: ResyncDependencies,
  only: string | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const known = [...(await deps.dicom.partitions(signal))].sort();
  if (only === undefined) return known;
  if (known.includes(only)) return [only];
  throw new BadRequest('The request body is wrong', [
    { field: 'partition', expected: 'a data partition of the DICOM service' },
  ]);
}

function writeToken(position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

function readToken(token: string, partitions: readonly string[]): Position {
  const read = tokenSchema.safeParse(parseJson(Buffer.from(token, 'base64url').toString('utf8')));
  if (read.success && partitions.includes(read.data.partition)) return read.data;
  throw new BadRequest('The request body is wrong', [
    { field: 'continuationToken', expected: 'the token of an earlier answer to the same request' },
  ]);
}
