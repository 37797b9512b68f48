import type { CapabilityStatement } from 'fhir/r4';
import type { FhirSwitches } from './switches';

const TYPES = [
  'Patient',
  'Endpoint',
  'ImagingStudy',
  'Observation',
  'Device',
  'ServiceRequest',
  'Procedure',
  'Practitioner',
];

/** What `GET metadata` answers: FHIR 4.0.1, transactions, versioned updates. */
export function capabilityStatement(url: string, switches: FhirSwitches): CapabilityStatement {
  const codes = ['read', 'vread', 'update', 'delete', 'history-instance', 'create', 'search-type'] as const;
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2026-01-01',
    kind: 'instance',
    implementation: { description: 'Embedded FHIR server for local runs and tests', url },
    fhirVersion: '4.0.1',
    format: ['application/fhir+json', 'json'],
    rest: [
      {
        mode: 'server',
        resource: TYPES.map((type) => ({
          type: type as 'Patient',
          interaction: codes.map((code) => ({ code })),
          versioning: 'versioned-update',
          readHistory: true,
          updateCreate: true,
          conditionalCreate: true,
          conditionalUpdate: true,
          conditionalDelete: 'single',
          referencePolicy: switches.validation ? ['literal', 'enforced'] : ['literal'],
        })),
        interaction: [{ code: 'transaction' }, { code: 'batch' }],
      },
    ],
  };
}
