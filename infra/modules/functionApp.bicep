metadata description = 'The function app on Flex Consumption, with its app settings.'

param location string
param tags object
param name string
param nodeVersion string
param instanceMemoryMB int
param maximumInstanceCount int

param identityId string
param identityClientId string

param blobEndpoint string
param queueEndpoint string
param tableEndpoint string
param deploymentContainerName string
param applicationInsightsConnectionString string

@description('Subnet for outgoing traffic; empty: none.')
param subnetId string

param dicomUrl string
param fhirUrl string
param dicomAuth string
param fhirAuth string
param changeFeedSchedule string
param markSweepSchedule string
param reconcileSweepSchedule string

@description('Blob service with the payloads that Reconcile looks at; empty: none.')
param payloadStorageUrl string

@description('Further app settings by name; they win.')
param appSettings object

@description('Names of app settings that are kept in the Key Vault.')
param keyVaultSettings string[]
param vaultName string

// Read by the host; the app reads AzureWebJobsStorage too.
var hostSettings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__blobServiceUri: blobEndpoint
  AzureWebJobsStorage__queueServiceUri: queueEndpoint
  AzureWebJobsStorage__tableServiceUri: tableEndpoint
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
}

// Read by the app: src/settings.ts and src/reconcileSettings.ts say what each means. An empty one counts as not set.
var ownSettings = {
  DICOM_URL: dicomUrl
  DICOM_AUTH: dicomAuth
  FHIR_URL: fhirUrl
  FHIR_AUTH: fhirAuth
  IDENTITY_CLIENT_ID: identityClientId
  CHANGE_FEED_SCHEDULE: changeFeedSchedule
  MARK_SWEEP_SCHEDULE: markSweepSchedule
  RECONCILE_SWEEP_SCHEDULE: reconcileSweepSchedule
  PAYLOAD_STORAGE_URL: payloadStorageUrl
}

// FHIR_CLIENT_SECRET is the secret fhir-client-secret.
var secretReferences = toObject(
  keyVaultSettings,
  setting => setting,
  setting => '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=${toLower(replace(setting, '_', '-'))})'
)

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: '${name}-plan'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  // azd finds the app by this tag; the name is that of the service in azure.yaml.
  tags: union(tags, { 'azd-service-name': 'functions' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      http20Enabled: true
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobEndpoint}${deploymentContainerName}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'node'
        version: nodeVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
      }
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
  name: 'appsettings'
  properties: union(hostSettings, ownSettings, appSettings, secretReferences)
}

// Publishing by user name and password: never. Entra ID is left.
resource noFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource noScm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
