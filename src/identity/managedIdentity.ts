import { ManagedIdentityCredential } from '@azure/identity';
import type { AccessToken } from './cachedTokens';

/** The managed identity of the function app. @param clientId of a user-assigned one; undefined: the system-assigned one */
export function managedIdentity(clientId: string | undefined): ManagedIdentityCredential {
  return clientId === undefined ? new ManagedIdentityCredential() : new ManagedIdentityCredential({ clientId });
}

/** A token of the managed identity. @throws CredentialUnavailableError, AuthenticationError */
export async function managedIdentityToken(
  credential: ManagedIdentityCredential,
  scope: string,
  signal: AbortSignal,
): Promise<AccessToken> {
  const { token, expiresOnTimestamp } = await credential.getToken(scope, { abortSignal: signal });
  return { token, expiresAtMs: expiresOnTimestamp };
}
