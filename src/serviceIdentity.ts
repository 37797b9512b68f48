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
      return {
        kind: 'client-credentials',
        credentials: {
          // The check of the settings has made sure that these three are there.
          tokenUrl: settings[`${service}_TOKEN_URL`] ?? '',
          clientId: settings[`${service}_CLIENT_ID`] ?? '',
          clientSecret: settings[`${service}_CLIENT_SECRET`] ?? '',
          scope,
          audience: settings[`${service}_AUDIENCE`],
        },
      };
  }
}
