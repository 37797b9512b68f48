import type { TableClient } from '@azure/data-tables';

/**
 * Lets a table live by another clock: the `Date` of its answers and the `Timestamp` of its rows are told in its time. All else, ETags
 * above all, is the service's own.
 * @param writtenAt when each ETag was given; to be shared by clients of one table
 */
export function inTime(table: TableClient, nowMs: () => number, writtenAt = new Map<string, number>()): TableClient {
  table.pipeline.addPolicy(
    {
      name: 'service-time',
      async sendRequest(request, next) {
        const response = await next(request);
        response.headers.set('date', new Date(nowMs()).toUTCString());
        const text = response.bodyAsText ?? '';
        if (request.method === 'GET') return { ...response, bodyAsText: retold(text, writtenAt) };
        const etags = [
          response.headers.get('etag'),
          ...[...text.matchAll(/^ETag: (.*?)\r?$/gm)].map(([, etag]) => etag),
        ];
        for (const etag of etags) if (etag !== undefined) writtenAt.set(etag, nowMs());
        return response;
      },
    },
    { phase: 'Sign' },
  );
  return table;
}

interface Entity {
  readonly 'odata.etag'?: string;
}

function retold(text: string, writtenAt: ReadonlyMap<string, number>): string {
  if (text === '') return text;
  const body = JSON.parse(text) as Entity & { readonly value?: readonly Entity[] };
  const retell = (entity: Entity): Entity => {
    const ms = writtenAt.get(entity['odata.etag'] ?? '');
    return ms === undefined ? entity : { ...entity, ...{ Timestamp: new Date(ms).toISOString() } };
  };
  return JSON.stringify(body.value === undefined ? retell(body) : { ...body, value: body.value.map(retell) });
}
