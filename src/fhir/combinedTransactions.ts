import type { FhirChannel } from './channel';
import { forEachPart, mayConcernOne } from './combinedErrors';
import { VersionConflict } from './errors';
import { encodeQuery } from './query';
import { together } from './together';
import { sendTransaction, type TransactionEntry, type TransactionResult } from './transaction';

type Entries = readonly TransactionEntry[];
type Results = readonly TransactionResult[];

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
 * @param most transactions of one request
 */
export function combinedTransactions(
  channel: FhirChannel,
  most: number,
): (entries: Entries, signal: AbortSignal) => Promise<Results> {
  const sendSmall = together<Entries, Results>({
    most,
    fits: (entries, chosen) => {
      const others = chosen.flat();
      const taken = new Set(others.map(subject));
      return others.length + entries.length <= MAX_ENTRIES && !entries.some((entry) => taken.has(subject(entry)));
    },
    send: (transactions, signal) => sendTogether(channel, transactions, signal),
  });
  return (entries, signal) =>
    entries.length === 0 || !isSmall(entries) ? sendTransaction(channel, entries, signal) : sendSmall(entries, signal);
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

async function sendTogether(
  channel: FhirChannel,
  transactions: readonly Entries[],
  signal: AbortSignal,
): Promise<readonly PromiseSettledResult<Results>[]> {
  const alone = (entries: Entries): Promise<Results> => sendTransaction(channel, entries, signal);
  if (transactions.length === 1) return Promise.allSettled(transactions.map(alone));
  const started = performance.now();
  try {
    const results = await sendTransaction(channel, transactions.flat(), signal);
    return split(results, transactions);
  } catch (error) {
    if (!mayConcernOne(error)) throw forEachPart(error);
    if (performance.now() - started > REPEAT_WITHIN_MS) throw new VersionConflict({ kind: 'transaction', status: 409 });
    return Promise.allSettled(transactions.map(alone));
  }
}

function split(results: Results, transactions: readonly Entries[]): readonly PromiseSettledResult<Results>[] {
  let at = 0;
  return transactions.map(({ length }) => {
    const value = results.slice(at, at + length);
    at += length;
    return { status: 'fulfilled', value };
  });
}

function isSmall(entries: Entries): boolean {
  let left = MAX_VALUES;
  const count = (value: unknown): void => {
    left--;
    if (left < 0 || typeof value !== 'object' || value === null) return;
    for (const part of Object.values(value)) {
      count(part);
      if (left < 0) return;
    }
  };
  count(entries);
  return left >= 0;
}
