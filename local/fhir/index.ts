export { startFhirServer } from './server';
export type { FhirServerOptions, LocalFhirServer } from './server';
