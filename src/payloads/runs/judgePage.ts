import type { PayloadKey } from '../blobName';
import type { DatabaseIdentity } from '../database/databaseIdentity';
import type { FhirDatabase, LookAnswer } from '../database/fhirDatabase';
import type { ResourceType } from '../database/resourceTypes';
import { judgeLook, judgeName, type ListedBlob, type Verdict } from '../verdict';
import type { Finding, TypeBuckets } from './reportStore';
import { countOf, createTally, type Totals } from './totals';

export interface PageQuestion {
  readonly database: FhirDatabase;
  readonly types: ReadonlyMap<number, ResourceType>;
  readonly cutoff: Date;
  /** of the database at the start of the run, where deletes may follow; undefined: none do */
  readonly identity: DatabaseIdentity | undefined;
  readonly audit: boolean;
}

export interface JudgedPage {
  readonly totals: Totals;
  readonly findings: readonly Finding[];
  /** some names that are ok, by type name */
  readonly ok: ReadonlyMap<string, readonly string[]>;
  readonly buckets: readonly TypeBuckets[];
}

interface Candidate {
  readonly blob: ListedBlob;
  readonly payload: PayloadKey;
}

/** Judges the blobs of one page: what their names say, then one look for each type. */
export async function judgePage(question: PageQuestion, blobs: readonly ListedBlob[]): Promise<JudgedPage> {
  const known = new Set(question.types.keys());
  const tally = createTally();
  const findings: Finding[] = [];
  const byType = new Map<number, Candidate[]>();
  for (const blob of blobs) {
    tally.count('listed');
    const first = judgeName(blob, known);
    if (first.kind === 'decided') {
      tally.count(countOf(first.verdict));
      findings.push(findingOf(blob, first.verdict));
      continue;
    }
    const { payload } = first;
    const candidates = byType.get(payload.typeId);
    if (candidates === undefined) byType.set(payload.typeId, [{ blob, payload }]);
    else candidates.push({ blob, payload });
  }

  const looks = await Promise.all(
    [...byType].map(async ([typeId, candidates]) => ({ candidates, ...(await look(question, typeId, candidates)) })),
  );
  const ok = new Map<string, string[]>();
  for (const { candidates, type, answer } of looks) {
    const okNames: string[] = [];
    candidates.forEach(({ blob }, place) => {
      const verdict = judgeLook(blob, answer.orphans.get(place), question.cutoff);
      tally.count('parsed', type.name);
      tally.count(countOf(verdict), type.name);
      if (verdict.kind === 'ok') okNames.push(blob.name);
      else findings.push(findingOf(blob, verdict));
    });
    if (okNames.length > 0) ok.set(type.name, okNames);
  }
  return {
    totals: tally.totals(),
    findings,
    ok,
    buckets: looks.flatMap(({ type, answer }) =>
      answer.buckets.length === 0 ? [] : [{ typeId: type.id, buckets: answer.buckets }],
    ),
  };
}

async function look(
  { database, types, cutoff, identity, audit }: PageQuestion,
  typeId: number,
  candidates: readonly Candidate[],
): Promise<{ type: ResourceType; answer: LookAnswer }> {
  const type = types.get(typeId);
  if (type === undefined) throw new TypeError('A name was judged by a type that is not known');
  const payloads = candidates.map(({ payload }) => payload);
  const looked = { type, payloads, ...(audit && { auditBefore: cutoff }) };
  const answer = await database.look(
    identity === undefined ? { ...looked, deciding: false } : { ...looked, deciding: true, identity },
  );
  return { type, answer };
}

function findingOf(blob: ListedBlob, verdict: Verdict): Finding {
  return {
    name: blob.name,
    verdict: verdict.kind,
    reason: 'reason' in verdict ? verdict.reason : undefined,
    etag: blob.etag,
    lastModified: Number.isNaN(blob.lastModified.getTime()) ? undefined : blob.lastModified.toISOString(),
  };
}
