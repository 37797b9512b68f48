import type { FunctionDefinition } from './functionDefinitions';
import type { TypedData } from './functionsCore';
import type { TriggerData } from './invocation';
import { type LeasedMessage, queueTriggerMetadata } from './queueTriggerMetadata';

/** What a queue function gets: the body as text, which the library turns into JSON where it can. */
export function queueTriggerData(
  definition: FunctionDefinition,
  body: string,
  message: LeasedMessage | undefined,
): TriggerData {
  return {
    data: { string: body },
    metadata: queueTriggerMetadata(definition.name, body, message),
    reason:
      message === undefined
        ? 'This function was programmatically called via the host APIs.'
        : 'New queue message detected.',
  };
}

export function timerTriggerData(info: TypedData, isManual = false): TriggerData {
  const reason = isManual ? 'This function was programmatically called via the host APIs.' : 'Timer fired.';
  return { data: info, metadata: {}, reason };
}

/** What a function gets when it is run by hand through the admin endpoint: the input stands for the trigger. */
export function manualTriggerData(
  definition: FunctionDefinition,
  input: string,
  timerInfo: TypedData,
  url: string,
): TriggerData {
  switch (definition.trigger.kind) {
    case 'queue':
      return queueTriggerData(definition, input, undefined);
    case 'timer':
      return timerTriggerData(timerInfo, true);
    case 'http':
      return {
        data: { http: { method: 'POST', url, headers: {}, params: {}, query: {}, body: { string: input } } },
        metadata: {},
        reason: 'This function was programmatically called via the host APIs.',
      };
  }
}
