import type { FhirChannel } from './channel';
import { forEachPart, mayConcernOne } from './combinedErrors';
import { VersionConflict } from './errors';
import { holdsMoreValues } from './jsonValues';
import { encodeQuery } from './query';
import { type Part, type Sharing, together } from '../concurrency/together';
import { sendTransaction, type TransactionEntry, type TransactionResult } from './transaction';

type Entries = readonly TransactionEntry[];
type Results = readonly TransactionResult[];
type TransactionPart = Part<Entries, Results>;

/** Entries of a combined transaction; servers limit them, Azure's to 500. */
const MAX_ENTRIES = 100;

/** JSON values of a transaction that may go with others. What is larger costs the server so much that its own request no longer matters. */
const MAX_VALUES = 3000;

/** A combined transaction that took longer is not repeated in parts: what they rest on, such as a lease, may be old by then. */
const REPEAT_WITHIN_MS = 5000;

/**
 * Sends transactions like `sendTransaction`, but small ones that have to be sent at the same time share a request. Together they are all or
 * nothing too, which is more than each was promised. When the server refuses them, each is sent alone and has the answer that is its own; an
 * outcome that is unknown is unknown for each. Two that touch the same resource, or would create it, never go together.
 * @param sharing how many transactions one request may hold
 */
export function combinedTransactions(
  channel: FhirChannel,
  sharing: Sharing,
): (entries: Entries, signal: AbortSignal) => Promise<Results> {
  const sendSmall = together<Entries, Results>({
    ...sharing,
    group: () => {
      let count = 0;
      return (entries) => {
        if (count > 0 && count + entries.length > MAX_ENTRIES) return false;
        count += entries.length;
        return true;
      };
    },
    keysOf: (entries) => entries.map(subject),
    send: (parts, signal) => sendTogether(channel, parts, signal),
  });
  return (entries, signal) =>
    entries.length === 0 || holdsMoreValues(entries, MAX_VALUES)
      ? sendTransaction(channel, entries, signal)
      : sendSmall(entries, signal);
}

/** What an entry is about: within one transaction each resource may be named once (FHIR R4, http.html, "transaction"). */
function subject(entry: TransactionEntry): string {
  switch (entry.kind) {
    case 'create':
      return `${entry.resource.resourceType}?${encodeQuery(entry.ifNoneExist)}`;
    case 'update':
      return `${entry.resource.resourceType}/${entry.id}`;
    case 'delete':
      return `${entry.type}/${entry.id}`;
  }
}

/** Settles each part. @returns whether they could go together */
async function sendTogether(
  channel: FhirChannel,
  parts: readonly TransactionPart[],
  signal: AbortSignal,
): Promise<boolean> {
  if (parts.length === 1) return sendEachAlone(channel, parts);
  const started = performance.now();
  try {
    const results = await sendTransaction(
      channel,
      parts.flatMap(({ item }) => item),
      signal,
    );
    distribute(results, parts);
    return true;
  } catch (error) {
    if (!mayConcernOne(error)) throw forEachPart(error);
    if (performance.now() - started > REPEAT_WITHIN_MS) throw new VersionConflict({ kind: 'transaction', status: 409 });
    await sendEachAlone(channel, parts);
    return false;
  }
}

/** Of a part whose caller has gone nothing is sent: who finds a write of unknown outcome later counts from the end of that run. */
async function sendEachAlone(channel: FhirChannel, parts: readonly TransactionPart[]): Promise<boolean> {
  const sent = parts.map(async ({ item, signal, resolve, reject }) => {
    try {
      resolve(await sendTransaction(channel, item, signal));
      return true;
    } catch (error) {
      reject(error);
      return false;
    }
  });
  return (await Promise.all(sent)).every((wentWell) => wentWell);
}

function distribute(results: Results, parts: readonly TransactionPart[]): void {
  let at = 0;
  for (const { item, resolve } of parts) {
    resolve(results.slice(at, at + item.length));
    at += item.length;
  }
}
