import { classify, type Dependency } from '../failures/classify';
import type { DicomWebClient } from '../dicom/dicomWebClient';
import type { FhirClient } from '../fhir/client';
import type { SyncState, SyncStateStore } from '../feed/syncState';

export interface HealthCheck {
  readonly name: Dependency | 'change-feed';
  readonly healthy: boolean;
  /** What was wrong; no secrets and no patient data. */
  readonly problem?: string;
}

export interface HealthReport {
  readonly healthy: boolean;
  readonly checks: readonly HealthCheck[];
}

export interface HealthDependencies {
  readonly state: SyncStateStore;
  readonly dicom: Pick<DicomWebClient, 'probe'>;
  readonly fhir: Pick<FhirClient, 'capabilities'>;
}

/** The FHIR server answers, but Cast cannot work with it. */
export class UnsuitableFhirServer extends Error {
  readonly code = 'UnsuitableFhirServer';
}

/** Asks storage, DICOM and FHIR at once; a service that does not answer within the time is not healthy. */
export async function readHealth(
  deps: HealthDependencies,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<HealthReport> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const state = deps.state.read(limited);
  const checks = await Promise.all([
    check('storage', () => state),
    checkFeed(state),
    check('dicom', () => deps.dicom.probe(limited)),
    check('fhir', () => checkFhir(deps.fhir, limited)),
  ]);
  return { healthy: checks.every(({ healthy }) => healthy), checks };
}

/** Whether somebody has to set the cursor; an unreadable state is the storage's problem. */
async function checkFeed(state: Promise<SyncState>): Promise<HealthCheck> {
  const condition = await state.then(
    (read) => read.condition,
    () => 'ok',
  );
  if (condition !== 'feed-reset') return { name: 'change-feed', healthy: true };
  const problem =
    'The change feed ends before the cursor: the DICOM service was replaced or restored. Set the cursor with PUT /api/cursor';
  return { name: 'change-feed', healthy: false, problem };
}

/** Cast needs FHIR R4 and transactions. @throws UnsuitableFhirServer */
async function checkFhir(fhir: Pick<FhirClient, 'capabilities'>, signal: AbortSignal): Promise<void> {
  const { fhirVersion, transaction } = await fhir.capabilities(signal);
  if (!fhirVersion.startsWith('4.0')) throw new UnsuitableFhirServer('The FHIR server does not speak FHIR R4 (4.0)');
  if (!transaction) throw new UnsuitableFhirServer('The FHIR server does not support transactions');
}

async function check(name: Dependency, work: () => Promise<unknown>): Promise<HealthCheck> {
  try {
    await work();
    return { name, healthy: true };
  } catch (error) {
    return {
      name,
      healthy: false,
      problem: error instanceof UnsuitableFhirServer ? error.message : classify(error, name).message,
    };
  }
}
