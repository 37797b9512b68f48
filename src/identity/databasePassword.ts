import type { ManagedIdentityCredential } from '@azure/identity';
import { cachedTokens } from './cachedTokens';
import { managedIdentityToken } from './managedIdentity';

/** Audience of Azure Database for PostgreSQL (Microsoft Entra authentication). */
const POSTGRESQL_SCOPE = 'https://ossrdbms-aad.database.windows.net/.default';

/**
 * The password of a managed identity at Azure Database for PostgreSQL, for `password` of a pool of `pg`, which asks for it at each
 * new connection. It is a token: it lasts an hour or so, and a connection outlives it.
 * @throws CredentialUnavailableError, AuthenticationError from each call
 */
export function databasePassword(credential: ManagedIdentityCredential): () => Promise<string> {
  const tokens = cachedTokens((signal) => managedIdentityToken(credential, POSTGRESQL_SCOPE, signal));
  return () => tokens.token();
}
