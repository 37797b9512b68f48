import type { PayloadContainer, QuarantineContainer } from './container/payloadContainer';
import type { FhirDatabase } from './database/fhirDatabase';

/** The two halves that belong together: the payloads of one tenant and datasource, and the database whose rows point at them. */
export interface PayloadStore {
  readonly tenantId: string;
  readonly dsId: string;
  readonly container: PayloadContainer;
  readonly database: FhirDatabase;
  /** undefined: runs cannot quarantine */
  readonly quarantine?: QuarantineContainer | undefined;
}
