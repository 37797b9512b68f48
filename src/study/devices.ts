import type { Device, Reference } from 'fhir/r4';
import type { FhirClient } from '../fhir/client';
import type { PatientProjection } from '../mapping/patient';
import { newDevice } from '../mapping/phantoms';
import type { CastSource } from '../mapping/source';
import { chooseDevice } from './candidates';
import { fromFhir, fromStorage } from './dependencyErrors';
import type { PatientLock } from './patientLock';
import { identifierQuery } from './queries';
import { searchByIdentifier } from './searchByIdentifier';

/**
 * The Device that stands for a phantom, found by its identifier as a Patient is. Where there is none it is created, by itself and under the
 * lock of new Patients; it is never updated or deleted: studies that come later refer to it.
 * @param onWrite is told when it was created
 * @throws DependencyError, the cause is MultipleMatches when others made several
 */
export async function deviceReference(
  fhir: FhirClient,
  lock: PatientLock,
  phantom: PatientProjection,
  source: CastSource,
  onWrite: () => void,
  signal: AbortSignal,
): Promise<Reference> {
  const find = (): Promise<string | undefined> =>
    fromFhir(async () => {
      const found = await searchByIdentifier<Device>(fhir, 'Device', phantom.identifier, signal);
      return chooseDevice(found)?.id;
    });
  const create = async (): Promise<string> => {
    const again = lock.excludes ? await find() : undefined;
    if (again !== undefined) return again;
    const query = [identifierQuery(phantom.identifier)];
    const { id } = await fromFhir(() => fhir.create(newDevice(phantom, source), query, signal), { writes: true });
    onWrite();
    return (await find()) ?? id;
  };
  const [, key] = identifierQuery(phantom.identifier);
  const id = (await find()) ?? (await fromStorage(() => lock.hold(`Device ${key}`, create, signal)));
  return { reference: `Device/${id}`, type: 'Device' };
}
