import { RestError } from '@azure/storage-blob';
import { storageCode } from '../../src/payloads/container/storageCode';

/**
 * @param secrets texts that may be part of an error's message
 * @returns what went wrong, in one line
 */
export function describeFailure(error: unknown, secrets: readonly string[]): string {
  if (error instanceof RestError) return `The blob service failed: ${storageCode(error)}`;
  if (!(error instanceof Error)) return 'Something failed without an error';
  const line = error.message.replace(/\s*\n\s*/g, ' ');
  return secrets.filter((secret) => secret !== '').reduce((text, secret) => text.replaceAll(secret, '***'), line);
}

/** @returns the parts of a connection string that must not be seen */
export function secretsOf(connectionString: string): readonly string[] {
  const values = connectionString
    .split(';')
    .flatMap((part) => /^\s*(?:AccountKey|SharedAccessSignature)=(.+)$/i.exec(part)?.[1] ?? []);
  return [connectionString, ...values];
}
