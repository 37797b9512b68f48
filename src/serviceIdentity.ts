import type { ClientCredentials } from './identity/clientCredentials';
import type { Settings } from './settings';

/** How Cast shows one service who it is. */
export type ServiceIdentity =
  | { readonly kind: 'none' }
  | { readonly kind: 'managed-identity'; readonly clientId: string | undefined; readonly scope: string }
  | { readonly kind: 'client-credentials'; readonly credentials: ClientCredentials };

/** Scope of the DICOM service of Azure Health Data Services. */
const AZURE_DICOM_SCOPE = 'https://dicom.healthcareapis.azure.com/.default';

export function identityOfDicom(settings: Settings): ServiceIdentity {
  const scope = settings.DICOM_SCOPE;
  switch (settings.DICOM_AUTH) {
    case 'none':
      return { kind: 'none' };
    case 'managed-identity':
      return { kind: 'managed-identity', clientId: settings.IDENTITY_CLIENT_ID, scope: scope ?? AZURE_DICOM_SCOPE };
    case 'client-credentials':
      return {
        kind: 'client-credentials',
        credentials: {
          tokenUrl: settings.DICOM_TOKEN_URL ?? '',
          clientId: settings.DICOM_CLIENT_ID ?? '',
          clientSecret: settings.DICOM_CLIENT_SECRET ?? '',
          scope,
          audience: settings.DICOM_AUDIENCE,
        },
      };
  }
}

/** The scope of an Azure FHIR service is its URL; SMART and private servers want their own, so it can be set. */
export function identityOfFhir(settings: Settings): ServiceIdentity {
  const scope = settings.FHIR_SCOPE;
  switch (settings.FHIR_AUTH) {
    case 'none':
      return { kind: 'none' };
    case 'managed-identity':
      return {
        kind: 'managed-identity',
        clientId: settings.IDENTITY_CLIENT_ID,
        scope: scope ?? `${new URL(settings.FHIR_URL).origin}/.default`,
      };
    case 'client-credentials':
      return {
        kind: 'client-credentials',
        credentials: {
          tokenUrl: settings.FHIR_TOKEN_URL ?? '',
          clientId: settings.FHIR_CLIENT_ID ?? '',
          clientSecret: settings.FHIR_CLIENT_SECRET ?? '',
          scope,
          audience: settings.FHIR_AUDIENCE,
        },
      };
  }
}
