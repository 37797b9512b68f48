import { readClientKey } from './identity/clientKey';
import type { ClientCredentials, ClientProof } from './identity/clientCredentials';
import type { Settings } from './settings';

/** How Cast shows one service who it is. */
export type ServiceIdentity =
  | { readonly kind: 'none' }
  | { readonly kind: 'managed-identity'; readonly clientId: string | undefined; readonly scope: string }
  | { readonly kind: 'client-credentials'; readonly credentials: ClientCredentials };

/** Scope of the DICOM service of Azure Health Data Services. */
const AZURE_DICOM_SCOPE = 'https://dicom.healthcareapis.azure.com/.default';

export function identityOfDicom(settings: Settings): ServiceIdentity {
  return identityOf(settings, 'DICOM', AZURE_DICOM_SCOPE);
}

/** The scope of an Azure FHIR service is its URL; SMART and private servers want their own, so it can be set. */
export function identityOfFhir(settings: Settings): ServiceIdentity {
  return identityOf(settings, 'FHIR', `${new URL(settings.FHIR_URL).origin}/.default`);
}

function identityOf(settings: Settings, service: 'DICOM' | 'FHIR', azureScope: string): ServiceIdentity {
  const scope = settings[`${service}_SCOPE`];
  switch (settings[`${service}_AUTH`]) {
    case 'none':
      return { kind: 'none' };
    case 'managed-identity':
      return { kind: 'managed-identity', clientId: settings.IDENTITY_CLIENT_ID, scope: scope ?? azureScope };
    case 'client-credentials':
      return { kind: 'client-credentials', credentials: credentialsOf(settings, service, scope, azureScope) };
  }
}

/** The check of the settings has made sure that what is needed is there. */
function credentialsOf(
  settings: Settings,
  service: 'DICOM' | 'FHIR',
  scope: string | undefined,
  azureScope: string,
): ClientCredentials {
  const authority = settings[`${service}_AUTHORITY`];
  const tokenUrl = settings[`${service}_TOKEN_URL`];
  return {
    tokenUrl: tokenUrl ?? entraTokenUrl(authority ?? ''),
    clientId: settings[`${service}_CLIENT_ID`] ?? '',
    proof: proofOf(settings, service),
    scope: scope ?? (tokenUrl === undefined ? azureScope : undefined),
    audience: settings[`${service}_AUDIENCE`],
  };
}

function proofOf(settings: Settings, service: 'DICOM' | 'FHIR'): ClientProof {
  const pem = settings[`${service}_CLIENT_CERTIFICATE`];
  if (pem === undefined) return { kind: 'secret', secret: settings[`${service}_CLIENT_SECRET`] ?? '' };
  const algorithm = settings[`${service}_CLIENT_ASSERTION_ALGORITHM`];
  return {
    kind: 'assertion',
    signer: { key: readClientKey(pem), algorithm, keyId: settings[`${service}_CLIENT_KEY_ID`] },
  };
}

/** Token endpoint, version 2, of an Entra ID authority with its tenant (Microsoft identity platform, client credentials flow). */
function entraTokenUrl(authority: string): string {
  return `${authority}/oauth2/v2.0/token`;
}
