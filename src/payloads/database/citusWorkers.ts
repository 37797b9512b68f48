import { z } from 'zod';
import { InvalidDatabaseAnswer, readRow, readRows, type RunStatement } from './database';

/**
 * Prepared transactions on the workers of a Citus cluster: after a commit on the coordinator a worker may hold a row in doubt until it
 * recovers, and no look sees that row. Written from the documentation of `run_command_on_workers`; no cluster was at hand to try it.
 * @returns none where the database is not a coordinator
 */
export async function readWorkerTransactions(run: RunStatement): Promise<readonly { readonly id: string }[]> {
  const nodes = await run("select to_regclass('pg_catalog.pg_dist_node') is not null as present");
  if (!readRow(z.object({ present: z.boolean() }), nodes, 'worker nodes').present) return [];
  const rows = await run('select nodename as node, nodeport as port, success, result from run_command_on_workers($1)', [
    "select coalesce(json_agg(gid), '[]') from pg_prepared_xacts where database = current_database()",
  ]);
  return readRows(workerRow, rows, 'prepared transactions of workers').flatMap(({ node, port, success, result }) => {
    if (!success) throw new InvalidDatabaseAnswer(`The worker ${node}:${port} does not say what is prepared on it`);
    return readIds(result).map((gid) => ({ id: `${node}:${port} ${gid}` }));
  });
}

const workerRow = z.object({ node: z.string(), port: z.number(), success: z.boolean(), result: z.string() });

function readIds(text: string): readonly string[] {
  try {
    return z.array(z.string()).parse(JSON.parse(text));
  } catch {
    throw new InvalidDatabaseAnswer('A worker does not list what is prepared on it');
  }
}
