import { z } from 'zod';
import type { FunctionDefinition } from './functionDefinitions';
import { emptyAnswer, type HttpAnswer, jsonAnswer } from './httpData';

const invocationSchema = z.object({ input: z.string().nullish() });

export interface AdminApiParts {
  readonly definitions: readonly FunctionDefinition[];
  /** Starts a run by hand and does not wait for it. */
  readonly run: (definition: FunctionDefinition, input: string, url: string) => void;
}

/**
 * `POST /admin/functions/{name}` (202 at once, the run goes on), `GET /admin/functions`, `GET /admin/functions/{name}`,
 * `GET /admin/host/status`. Anything else is 404.
 */
export function answerAdmin(parts: AdminApiParts, method: string, url: URL, body: Buffer): HttpAnswer {
  const [, resource, name, ...more] = url.pathname
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => segment.toLowerCase());
  if (more.length > 0) return emptyAnswer(404);
  if (resource === 'host' && (name === 'status' || name === 'ping')) {
    return jsonAnswer(200, { id: 'stand-in', state: 'Running', version: '4.0.0', versionDetails: 'stand-in' });
  }
  if (resource !== 'functions') return emptyAnswer(404);
  if (name === undefined) return method === 'GET' ? jsonAnswer(200, parts.definitions.map(describe)) : emptyAnswer(404);
  const definition = parts.definitions.find((candidate) => candidate.name.toLowerCase() === name);
  if (definition === undefined) return emptyAnswer(404);
  if (method === 'GET') return jsonAnswer(200, describe(definition));
  return method === 'POST' ? invoke(parts, definition, url, body) : emptyAnswer(404);
}

function invoke(parts: AdminApiParts, definition: FunctionDefinition, url: URL, body: Buffer): HttpAnswer {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    return emptyAnswer(400);
  }
  const invocation = invocationSchema.safeParse(json);
  if (!invocation.success) return emptyAnswer(400);
  parts.run(definition, invocation.data.input ?? '', url.href);
  return emptyAnswer(202);
}

function describe(definition: FunctionDefinition): object {
  return {
    name: definition.name,
    isDisabled: definition.isDisabled,
    config: { bindings: definition.registered.metadata.bindings },
  };
}
