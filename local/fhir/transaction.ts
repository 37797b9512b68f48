import { STATUS_CODES } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bundle, BundleEntry, FhirResource } from 'fhir/r4';
import { readBundle } from './bundleEntries';
import type { PlannedEntry } from './bundleEntries';
import type { Interactions, Lookup, Written } from './interactions';
import { FhirProblem, outcomeOf } from './problem';
import { findReferences } from './references';
import { etagOf, referenceTo } from './resource';
import type { StoredResource } from './resource';
import { parseSearchQuery } from './searchQuery';
import type { ConditionalMode } from './switches';
import { resourceOfType } from './validation';

/** Outcome of one entry; `body` is what a read or a search returned. */
export type Answer = Written & { readonly body?: FhirResource };
/** Where a creation ends: a fresh id, or the resource that was found. */
type Target =
  { readonly kind: 'new'; readonly id: string } | { readonly kind: 'existing'; readonly resource: StoredResource };

/** Processes a transaction or batch Bundle (FHIR http.html, "batch/transaction"). */
export class BundleProcessor {
  constructor(
    private readonly interactions: Interactions,
    private readonly baseUrl: () => string,
  ) {}

  /**
   * A transaction applies whole or leaves no trace; a batch answers each entry for itself.
   * @throws FhirProblem for a malformed Bundle, and for a transaction that cannot be applied
   */
  async process(body: unknown, withResources: boolean): Promise<Bundle> {
    const { type, entries } = readBundle(body, this.baseUrl());
    if (type === 'transaction') {
      const answers = await this.apply(entries);
      return this.response(
        type,
        entries.map((entry) => this.answerEntry(answers.get(entry.index), withResources)),
      );
    }
    const responses: BundleEntry[] = [];
    for (const entry of entries) {
      responses.push(await this.batchEntry(entry, withResources));
    }
    return this.response(type, responses);
  }

  private response(type: string, entry: BundleEntry[]): Bundle {
    return {
      resourceType: 'Bundle',
      type: `${type}-response` as Bundle['type'],
      ...(entry.length > 0 ? { entry } : {}),
    };
  }

  private async batchEntry(entry: PlannedEntry, withResources: boolean): Promise<BundleEntry> {
    try {
      return this.answerEntry((await this.apply([entry])).get(entry.index), withResources);
    } catch (error) {
      if (!(error instanceof FhirProblem)) {
        throw error;
      }
      return { response: { status: statusLine(error.status), outcome: outcomeOf(error.issues) } };
    }
  }

  /** Applies entries whole or not at all; a server that is not atomic looks its conditions up before it starts. */
  async apply(entries: readonly PlannedEntry[]): Promise<ReadonlyMap<number, Answer>> {
    const lookups = new Map<PlannedEntry, Lookup>();
    const early = entries.filter((entry) => this.modeOf(entry) !== 'atomic');
    this.lookUp(early, lookups);
    if (early.some((entry) => lookups.get(entry) === undefined)) {
      await sleep(this.interactions.switches.raceWindowMs);
    }
    return this.interactions.complete((note, removed) => {
      const answers = new Map<number, Answer>();
      for (const entry of entries.filter(({ method }) => method === 'DELETE')) {
        answers.set(entry.index, this.remove(entry, removed));
      }
      this.refuseOvertaken(early, lookups);
      this.lookUp(entries, lookups);
      const creations = this.targets(entries, lookups);
      this.rewriteReferences(entries, creations);
      for (const [entry, target] of creations) {
        answers.set(entry.index, note(this.create(entry, target)));
      }
      for (const entry of entries.filter(({ method, id }) => method === 'PUT' && id !== undefined)) {
        answers.set(
          entry.index,
          note(this.interactions.update(entry.type, entry.id ?? '', entry.resource, entry.ifMatch)),
        );
      }
      for (const entry of entries.filter(({ method }) => method === 'GET')) {
        answers.set(entry.index, this.read(entry));
      }
      return answers;
    });
  }

  private modeOf({ method, ifNoneExist, condition }: PlannedEntry): ConditionalMode {
    const { conditionalCreate, conditionalUpdate } = this.interactions.switches;
    if (method === 'POST' && ifNoneExist !== undefined) {
      return conditionalCreate;
    }
    return method === 'PUT' && condition !== undefined ? conditionalUpdate : 'atomic';
  }

  private refuseOvertaken(early: readonly PlannedEntry[], lookups: ReadonlyMap<PlannedEntry, Lookup>): void {
    for (const entry of early.filter((each) => this.modeOf(each) === 'conflicting')) {
      const condition = conditionOf(entry);
      if (condition !== undefined && this.interactions.lookup(entry.type, condition)?.id !== lookups.get(entry)?.id) {
        throw new FhirProblem(409, 'conflict', `Another request was faster with the same ${entry.type}`);
      }
    }
  }

  private lookUp(entries: readonly PlannedEntry[], lookups: Map<PlannedEntry, Lookup>): void {
    for (const entry of entries) {
      const condition = conditionOf(entry);
      if (condition !== undefined && !lookups.has(entry)) {
        lookups.set(entry, this.interactions.lookup(entry.type, condition));
      }
    }
  }

  /** Creations by POST, and conditional updates that found nothing; a conditional update that found one becomes a plain one. */
  private targets(
    entries: readonly PlannedEntry[],
    lookups: ReadonlyMap<PlannedEntry, Lookup>,
  ): Map<PlannedEntry, Target> {
    const targets = new Map<PlannedEntry, Target>();
    for (const entry of entries) {
      if (entry.method === 'POST') {
        const existing = lookups.get(entry);
        targets.set(
          entry,
          existing ? { kind: 'existing', resource: existing } : { kind: 'new', id: this.interactions.newId() },
        );
      } else if (entry.method === 'PUT' && entry.condition !== undefined) {
        const match = lookups.get(entry);
        if (match) {
          entry.id = match.id;
          entry.resource = { ...resourceOfType(entry.resource, entry.type), id: match.id };
        } else {
          targets.set(entry, { kind: 'new', id: this.interactions.newId() });
        }
      }
    }
    return targets;
  }

  private rewriteReferences(entries: readonly PlannedEntry[], creations: ReadonlyMap<PlannedEntry, Target>): void {
    const addresses = new Map<string, string>();
    for (const entry of entries) {
      const target = creations.get(entry);
      const id = target ? (target.kind === 'new' ? target.id : target.resource.id) : entry.id;
      if (entry.fullUrl !== undefined && id !== undefined && entry.method !== 'DELETE') {
        addresses.set(entry.fullUrl, `${entry.type}/${id}`);
      }
    }
    for (const entry of entries) {
      for (const { holder, reference } of entry.resource ? findReferences(entry.resource) : []) {
        holder.reference = addresses.get(reference) ?? this.conditionalReference(reference) ?? reference;
      }
    }
  }

  private conditionalReference(reference: string): string | undefined {
    const [type, condition] = splitOnce(reference, '?');
    if (condition === undefined || !/^[A-Z][A-Za-z]*$/.test(type)) {
      return undefined;
    }
    const match = this.interactions.lookup(type, condition);
    if (!match) {
      throw new FhirProblem(400, 'not-found', `A conditional reference to ${type} matches nothing`);
    }
    return referenceTo(match);
  }

  private create(entry: PlannedEntry, target: Target): Written {
    if (target.kind === 'existing') {
      return { status: 200, resource: target.resource };
    }
    return this.interactions.create(
      entry.type,
      resourceOfType(entry.resource, entry.type),
      target.id,
      entry.ifNoneExist ?? entry.condition,
    );
  }

  private remove(entry: PlannedEntry, removed: (type: string, id: string) => void): Written {
    const id =
      entry.id ??
      (entry.condition === undefined ? undefined : this.interactions.lookup(entry.type, entry.condition)?.id);
    if (id === undefined) {
      return { status: 204, resource: undefined };
    }
    removed(entry.type, id);
    return this.interactions.remove(entry.type, id, entry.ifMatch);
  }

  private read(entry: PlannedEntry): Answer {
    if (entry.id !== undefined) {
      const resource = this.interactions.read(entry.type, entry.id);
      return { status: 200, resource, body: resource as FhirResource };
    }
    const matches = this.interactions.search.find(entry.type, parseSearchQuery(entry.condition ?? '').filters);
    const body: Bundle = {
      resourceType: 'Bundle',
      type: 'searchset',
      total: matches.length,
      entry: matches.map((resource) => ({ resource: resource as FhirResource, search: { mode: 'match' } })),
    };
    return { status: 200, resource: undefined, body };
  }

  private answerEntry(answer: Answer | undefined, withResources: boolean): BundleEntry {
    if (!answer) {
      throw new FhirProblem(400, 'not-supported', 'The Bundle has an entry that this server cannot process');
    }
    const { status, resource } = answer;
    const body = answer.body ?? (withResources ? (resource as FhirResource | undefined) : undefined);
    return {
      ...(body ? { resource: body } : {}),
      response: {
        status: statusLine(status),
        ...(resource
          ? {
              location: `${referenceTo(resource)}/_history/${resource.meta.versionId}`,
              etag: this.interactions.switches.bareEtag ? resource.meta.versionId : etagOf(resource),
              lastModified: resource.meta.lastUpdated,
            }
          : {}),
      },
    };
  }
}

function conditionOf({ method, ifNoneExist, condition }: PlannedEntry): string | undefined {
  return method === 'POST' ? ifNoneExist : method === 'PUT' ? condition : undefined;
}

function statusLine(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? ''}`.trim();
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
