import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const file = (name: string): string => readFileSync(resolve(__dirname, '../fixtures/identity', name), 'utf8');

/** Key pairs that only tests may use. */
export const identityKeys = {
  rsa: { key: file('rsa.key'), certificate: file('rsa.crt') },
  ec: { key: file('ec.key'), certificate: file('ec.crt') },
} as const;
