export { startFhirServer } from './server';
export type { FhirServerOptions, LocalFhirServer } from './server';
export { presets } from './switches';
export type { FhirSwitches, PresetName } from './switches';
export type { Intercept, InterceptAnswer, InterceptedRequest } from './intercept';
export type { LoggedRequest, RequestKind, RequestLog } from './requestLog';
