import { randomUUID } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineRequest,
  type HttpClient,
  RestError,
} from '@azure/core-rest-pipeline';

/** A row as somebody knows it. */
export interface KnownRow {
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly etag: string;
}

/**
 * Deletes rows of one partition in one request, all or none, each only as it is known: an entity group transaction ("Performing entity
 * group transactions", Azure Table Storage). `submitTransaction` of @azure/data-tables 13 cannot: it sends every delete with `If-Match: *`,
 * and such a request would delete the row of somebody else when it arrives late, or again because its answer got lost.
 * @param rows at most 100, none twice
 * @returns whether the service took it; `false`: a row has changed or is gone, and nothing was deleted
 */
export async function deleteTogether(
  table: TableClient,
  rows: readonly KnownRow[],
  signal: AbortSignal,
): Promise<boolean> {
  const [service = '', sharedAccess] = table.url.split('?');
  const root = service.replace(/\/$/, '');
  const batch = `batch_${randomUUID()}`;
  const request = createPipelineRequest({
    url: `${root}/$batch${sharedAccess === undefined ? '' : `?${sharedAccess}`}`,
    method: 'POST',
    headers: createHttpHeaders({ ...VERSIONS, 'content-type': `multipart/mixed; boundary=${batch}` }),
    body: multipart(
      batch,
      rows.map((row) => deletion(`${root}/${table.tableName}`, row)),
    ),
    abortSignal: signal,
    // The client of the emulator alone has such an address: it refuses any other itself.
    allowInsecureConnection: root.startsWith('http:'),
  });
  transport ??= createDefaultHttpClient();
  const response = await table.pipeline.sendRequest(transport, request);
  const statuses = [...(response.bodyAsText ?? '').matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) =>
    Number(status),
  );
  if (response.status === 202 && statuses.length === rows.length && statuses.every((status) => status === 204))
    return true;
  const refused = response.status === 202 ? statuses.find((status) => status >= 400) : response.status;
  if (refused === 404 || refused === 412) return false;
  throw new RestError('The table service did not take the deletes', {
    statusCode: refused ?? response.status,
    response,
  });
}

let transport: HttpClient | undefined;

const VERSIONS = {
  accept: 'application/json',
  'x-ms-version': '2019-02-02',
  dataserviceversion: '3.0;',
  maxdataserviceversion: '3.0;NetFx',
};

const LINE = '\r\n';

function deletion(table: string, { partitionKey, rowKey, etag }: KnownRow): readonly string[] {
  const key = (value: string): string => encodeURIComponent(value.replaceAll("'", "''"));
  return [
    `DELETE ${table}(PartitionKey='${key(partitionKey)}',RowKey='${key(rowKey)}') HTTP/1.1`,
    'Accept: application/json',
    'DataServiceVersion: 3.0;',
    `If-Match: ${etag}`,
    '',
    '',
  ];
}

function multipart(batch: string, requests: readonly (readonly string[])[]): string {
  const changes = `changeset_${randomUUID()}`;
  const parts = requests.flatMap((lines) => [
    `--${changes}`,
    'Content-Type: application/http',
    'Content-Transfer-Encoding: binary',
    '',
    ...lines,
  ]);
  return [
    `--${batch}`,
    `Content-Type: multipart/mixed; boundary=${changes}`,
    '',
    ...parts,
    `--${changes}--`,
    `--${batch}--`,
    '',
  ].join(LINE);
}
