import type { IncomingHttpHeaders } from 'node:http';
import { getStatus, OperationOutcomeError } from '@medplum/core';
import type { WithId } from '@medplum/core';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';
import type { FhirRequest, UpdateResourceOptions } from '@medplum/fhir-router';
import type { MedplumResource } from './definitions';
import type { Interactions } from './interactions';
import { FhirProblem } from './problem';
import type { JsonObject } from './resource';

/**
 * Medplum's repository over this server's store: it reads the store's maps directly, and every write goes through
 * the same interactions as any other, so that versions, indexes, validation and roll-back are the same.
 */
class StoreRepository extends MemoryRepository {
  constructor(private readonly interactions: Interactions) {
    super();
    Object.assign(this, { resources: interactions.store.current });
  }

  override createResource<T extends MedplumResource>(resource: T): Promise<WithId<T>> {
    const { resourceType } = resource;
    const { interactions } = this;
    return this.written(() =>
      interactions.complete((note) =>
        note(interactions.create(resourceType, resource as unknown as JsonObject, interactions.newId())),
      ),
    );
  }

  override updateResource<T extends MedplumResource>(resource: T, options?: UpdateResourceOptions): Promise<WithId<T>> {
    const { interactions } = this;
    return this.written(() =>
      interactions.complete((note) =>
        note(interactions.update(resource.resourceType, resource.id ?? '', resource, options?.ifMatch)),
      ),
    );
  }

  override deleteResource(resourceType: string, id: string): Promise<void> {
    const { interactions } = this;
    interactions.complete((_, removed) => {
      removed(resourceType, id);
      interactions.remove(resourceType, id, undefined);
    });
    return Promise.resolve();
  }

  private written<T extends MedplumResource>(work: () => { readonly resource: unknown }): Promise<WithId<T>> {
    return Promise.resolve(structuredClone(work().resource) as WithId<T>);
  }
}

export interface FallbackAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** What this server leaves to Medplum: PATCH, includes, sorting, chained search, GraphQL. */
export class MedplumFallback {
  private readonly router = new FhirRouter();
  private readonly repository: StoreRepository;

  constructor(interactions: Interactions) {
    this.repository = new StoreRepository(interactions);
  }

  /** @throws FhirProblem as the interactions do; Medplum's own refusals come back as an answer */
  async handle(method: string, url: string, body: unknown, headers: IncomingHttpHeaders): Promise<FallbackAnswer> {
    const route = this.router.find(method as FhirRequest['method'], url);
    if (!route) {
      throw new FhirProblem(404, 'not-supported', 'This server does not know such a request');
    }
    const request: FhirRequest = {
      method: method as FhirRequest['method'],
      url,
      pathname: route.path,
      params: route.params,
      query: route.query ?? {},
      body,
      headers,
    };
    try {
      const [outcome, resource] = await route.handler(request, this.repository, this.router);
      return { status: getStatus(outcome), body: resource ?? outcome };
    } catch (error) {
      if (error instanceof OperationOutcomeError) {
        const { outcome } = error;
        return { status: getStatus(outcome), body: outcome };
      }
      throw error;
    }
  }
}
