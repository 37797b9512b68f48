import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import {
  InvalidPayloadPath,
  parsePayloadPath,
  PayloadNotFound,
  readPayloads,
  type ReadPayload,
  type TypeNames,
} from '../payloads/readPayload';
import type { ReconcileServices } from '../payloads/runs/services';
import { BadRequest, json, problem } from './problem';
import { payloadQuery } from './reconcileRequests';
import { readQuery } from './requests';

/** Payloads of one answer. */
const MOST_PAYLOADS = 100;

/**
 * `payloads/{type}/{id}[/{version}[/{key}]]`, the `--read` of the Java tool: with a key the payload itself, else all that there are of the
 * version or of the resource. The database is asked only where the type is given by its name.
 * @throws BadRequest
 */
export async function readPayloadRoute(
  services: Pick<ReconcileServices, 'openStore'>,
  request: HttpRequest,
  signal: AbortSignal,
): Promise<HttpResponseInit> {
  const { tenantId, dsId } = readQuery(request, payloadQuery);
  const { container, database } = services.openStore(tenantId, dsId);
  const { type = '', id = '', version, key } = request.params;
  const types: TypeNames = /^[0-9]+$/.test(type) ? undefined : await database.resourceTypes();
  const path = parse([type, id, version, key].filter((part) => part !== undefined && part !== '').join('/'), types);
  try {
    const payloads: ReadPayload[] = [];
    for await (const payload of readPayloads(container, path, signal)) {
      if (path.key !== undefined)
        return { status: 200, headers: { 'content-type': 'application/json' }, body: payload.body };
      payloads.push(payload);
      if (payloads.length >= MOST_PAYLOADS) break;
    }
    return json(200, { items: payloads.map(itemOf), complete: payloads.length < MOST_PAYLOADS });
  } catch (error) {
    if (!(error instanceof PayloadNotFound)) throw error;
    return problem(404, 'There is no payload of this key');
  }
}

function parse(path: string, types: TypeNames) {
  try {
    return parsePayloadPath(path, types);
  } catch (error) {
    if (!(error instanceof InvalidPayloadPath)) throw error;
    throw new BadRequest('The path is wrong', [{ field: error.part ?? 'path', expected: error.message }]);
  }
}

/** One of several payloads of an answer. */
export type PayloadItem = Omit<ReadPayload, 'body'> & { readonly payload: string };

function itemOf({ name, typeId, logicalId, version, key, body }: ReadPayload): PayloadItem {
  return { name, typeId, logicalId, version, key, payload: body.toString('utf8') };
}
