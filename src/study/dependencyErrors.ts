import type { Dependency } from '../failures/classify';

/** Something that a pass needed has failed; says which service it was, so that the cause can be classified. */
export class DependencyError extends Error {
  readonly code = 'DependencyError';
  constructor(
    readonly dependency: Dependency,
    override readonly cause: unknown,
    /** The request was to change something: without an answer its outcome is unknown. */
    readonly writes: boolean,
  ) {
    super(`A request to the ${dependency} service failed`);
    this.name = 'DependencyError';
  }
}

interface RequestKind {
  readonly writes: boolean;
}

export const fromFhir = <T>(work: () => Promise<T>, kind?: RequestKind): Promise<T> => attribute('fhir', work, kind);
export const fromDicom = <T>(work: () => Promise<T>, kind?: RequestKind): Promise<T> => attribute('dicom', work, kind);
export const fromStorage = <T>(work: () => Promise<T>, kind?: RequestKind): Promise<T> =>
  attribute('storage', work, kind);

async function attribute<T>(
  dependency: Dependency,
  work: () => Promise<T>,
  kind: RequestKind = { writes: false },
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof DependencyError ? error : new DependencyError(dependency, error, kind.writes);
  }
}
