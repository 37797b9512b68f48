export type RequestKind = 'search' | 'read' | 'create' | 'update' | 'delete' | 'transaction' | 'capabilities' | 'other';

export interface LoggedRequest {
  readonly kind: RequestKind;
  readonly method: string;
  /** Below the base path, with the query string. */
  readonly path: string;
}

/** Requests that reached the server, refused and scripted ones included. */
export class RequestLog {
  private readonly logged: LoggedRequest[] = [];
  private readonly byKind = new Map<RequestKind, number>();

  get list(): readonly LoggedRequest[] {
    return this.logged;
  }

  get total(): number {
    return this.logged.length;
  }

  count(kind: RequestKind): number {
    return this.byKind.get(kind) ?? 0;
  }

  /** E.g. `{ search: 2, transaction: 1 }`: kinds that did not occur are left out. */
  counts(): Partial<Record<RequestKind, number>> {
    return Object.fromEntries(this.byKind);
  }

  reset(): void {
    this.logged.length = 0;
    this.byKind.clear();
  }

  /** @internal */
  add(request: LoggedRequest): void {
    this.logged.push(request);
    this.byKind.set(request.kind, this.count(request.kind) + 1);
  }
}
