import { z } from 'zod';
import { parseJson } from '../../http/json';
import type { PayloadContainer } from '../container/payloadContainer';
import type { DatabaseIdentity } from '../database/databaseIdentity';

/** What delete runs leave on a container, as its metadata: whoever reconciles it next sees it, from wherever. */
export interface ContainerMarks {
  /** of the database, at the last run that deleted */
  readonly identity: DatabaseIdentity | undefined;
  /** the run that deleted payloads which have a row after all */
  readonly haltedBy: string | undefined;
}

const IDENTITY = 'reconciledatabase';
const HALTED = 'reconcilehalted';

const part = z.string().optional();
const identitySchema = z.object({ cluster: part, timeline: part, database: part, relation: part });

export async function readMarks(container: PayloadContainer, signal: AbortSignal): Promise<ContainerMarks> {
  const metadata = await container.metadata(signal);
  const text = metadata[IDENTITY];
  return {
    identity: text === undefined ? undefined : readIdentity(text),
    haltedBy: metadata[HALTED],
  };
}

/** An identity that cannot be read is of no database at all, so that the guard asks. */
function readIdentity(text: string): DatabaseIdentity {
  const read = identitySchema.safeParse(parseJson(Buffer.from(text, 'base64url').toString('utf8')));
  const { cluster, timeline, database, relation } = read.success ? read.data : { cluster: 'unreadable' };
  return { cluster, timeline, database, relation };
}

/** Other metadata of the container stays. */
export async function writeMarks(
  container: PayloadContainer,
  marks: ContainerMarks,
  signal: AbortSignal,
): Promise<void> {
  const kept = Object.entries(await container.metadata(signal)).filter(
    ([name]) => name !== IDENTITY && name !== HALTED,
  );
  const { identity, haltedBy } = marks;
  await container.setMetadata(
    {
      ...Object.fromEntries(kept),
      ...(identity !== undefined && { [IDENTITY]: Buffer.from(JSON.stringify(identity)).toString('base64url') }),
      ...(haltedBy !== undefined && { [HALTED]: haltedBy }),
    },
    signal,
  );
}
