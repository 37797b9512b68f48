metadata description = 'FHIR Imaging Functions: the function app with its identity, storage, monitoring, alerts and, where they are asked for, Key Vault and a private network.'

targetScope = 'resourceGroup'

@description('Region of everything that is created.')
param location string = resourceGroup().location

@description('Begins the names of what is created.')
@minLength(2)
@maxLength(12)
param namePrefix string = 'imaging'

param tags object = {}

@description('Node.js of the function app.')
@allowed(['22', '24'])
param nodeVersion string = '22'

@description('Memory of one instance in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances at once. Each works on up to 12 studies (batchSize + newBatchThreshold of host.json): what the DICOM and FHIR services can bear decides.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Redundancy of the storage account. Its queues and tables can be made anew from DICOM (POST /api/resync).')
@allowed(['Standard_LRS', 'Standard_ZRS'])
param storageSku string = 'Standard_LRS'

@description('Base URL of the DICOM service, without the version.')
param dicomUrl string

@description('Base URL of the FHIR R4 server.')
param fhirUrl string

@description('How the app shows the DICOM service who it is.')
@allowed(['managed-identity', 'client-credentials', 'none'])
param dicomAuth string = 'managed-identity'

@description('How the app shows the FHIR server who it is.')
@allowed(['managed-identity', 'client-credentials', 'none'])
param fhirAuth string = 'managed-identity'

@description('Resource id of the DICOM service of Azure Health Data Services, where the identity shall get the role DICOM Data Reader.')
param dicomServiceId string = ''

@description('Resource id of the FHIR service of Azure Health Data Services, where the identity shall get the role FHIR Data Contributor.')
param fhirServiceId string = ''

@description('Resource id of the storage account that holds the payloads of a LinuxForHealth FHIR Server, where the identity shall get the role Storage Blob Data Contributor.')
param payloadStorageAccountId string = ''

@description('When the change feed is read: six NCRONTAB fields, UTC.')
param changeFeedSchedule string = '*/30 * * * * *'

@description('When marks of workers that are gone are swept, and the figures for alerts are told: six NCRONTAB fields, UTC.')
param markSweepSchedule string = '0 */5 * * * *'

@description('When abandoned runs of Reconcile are taken up and its quarantine is ended: six NCRONTAB fields, UTC.')
param reconcileSweepSchedule string = '0 */15 * * * *'

@description('Any other app setting of the README, by its name. They win over the ones above.')
param appSettings object = {}

@description('Names of app settings whose values are secrets, such as FHIR_CLIENT_SECRET. Each becomes a reference to a secret of the Key Vault that is created for them; the values are put there by hand and never pass through this template.')
param keyVaultSettings string[] = []

@description('true: a virtual network with private endpoints for storage and Key Vault, whose public access is then closed.')
param privateNetwork bool = false

@description('Address space of the virtual network: /23 or wider, for two subnets.')
param addressPrefix string = '10.90.0.0/23'

@description('Addresses that alerts are mailed to.')
param alertEmails string[] = []

@description('Resource ids of action groups that alerts go to as well.')
param actionGroupIds string[] = []

@description('Alert when more than so many percent of the changes of an hour are not in FHIR.')
param alertFailurePercent int = 5

@description('Alert when this many entries or messages wait and their number grows.')
param alertWaiting int = 1000

// What the app uses. The queues that functions/ is bound to, and what the composition root opens.
var queueNames = ['study-changes', 'study-changes-poison', 'reconcile-slices', 'reconcile-slices-poison']
var containerNames = ['reconcile-reports']
var tableNames = ['SyncState', 'FailedEntries', 'ValidationWarnings', 'PatientLocks', 'ReconcileRuns']
var deploymentContainerName = 'app-package'

var suffix = uniqueString(resourceGroup().id, namePrefix)
var appName = '${namePrefix}-${suffix}'
var vaultName = take('${namePrefix}-kv-${suffix}', 24)
var hasSecrets = !empty(keyVaultSettings)

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${namePrefix}-id-${suffix}'
  location: location
  tags: tags
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    location: location
    tags: tags
    name: appName
    publisherPrincipalId: identity.properties.principalId
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  params: {
    location: location
    tags: tags
    name: '${namePrefix}-vnet-${suffix}'
    addressPrefix: addressPrefix
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    location: location
    tags: tags
    name: take('${toLower(replace(namePrefix, '-', ''))}${suffix}', 24)
    sku: storageSku
    queueNames: queueNames
    tableNames: tableNames
    containerNames: concat(containerNames, [deploymentContainerName])
    principalId: identity.properties.principalId
    publicAccess: !privateNetwork
  }
}

module vault 'modules/keyVault.bicep' = if (hasSecrets) {
  name: 'keyVault'
  params: {
    location: location
    tags: tags
    name: vaultName
    principalId: identity.properties.principalId
    publicAccess: !privateNetwork
  }
}

module storageEndpoints 'modules/privateEndpoint.bicep' = [for service in ['blob', 'queue', 'table']: if (privateNetwork) {
  name: 'privateEndpoint-${service}'
  params: {
    location: location
    tags: tags
    name: '${appName}-${service}'
    targetId: storage.outputs.id
    groupId: service
    zoneName: 'privatelink.${service}.${environment().suffixes.storage}'
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointSubnetId
  }
}]

module vaultEndpoint 'modules/privateEndpoint.bicep' = if (privateNetwork && hasSecrets) {
  name: 'privateEndpoint-vault'
  params: {
    location: location
    tags: tags
    name: '${appName}-vault'
    targetId: vault!.outputs.id
    groupId: 'vault'
    zoneName: 'privatelink.vaultcore.azure.net'
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointSubnetId
  }
}

module functionApp 'modules/functionApp.bicep' = {
  name: 'functionApp'
  params: {
    location: location
    tags: tags
    name: appName
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    identityId: identity.id
    identityClientId: identity.properties.clientId
    blobEndpoint: storage.outputs.blobEndpoint
    queueEndpoint: storage.outputs.queueEndpoint
    tableEndpoint: storage.outputs.tableEndpoint
    deploymentContainerName: deploymentContainerName
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    dicomUrl: dicomUrl
    fhirUrl: fhirUrl
    dicomAuth: dicomAuth
    fhirAuth: fhirAuth
    changeFeedSchedule: changeFeedSchedule
    markSweepSchedule: markSweepSchedule
    reconcileSweepSchedule: reconcileSweepSchedule
    payloadStorageUrl: empty(payloadStorageAccountId) ? '' : 'https://${last(payloadIdParts)}.blob.${environment().suffixes.storage}'
    appSettings: appSettings
    keyVaultSettings: keyVaultSettings
    vaultName: vaultName
  }
  dependsOn: [vault, storageEndpoints, vaultEndpoint]
}

// A scope is worked out also where its module is left out: then it is this resource group.
var here = '/subscriptions/${subscription().subscriptionId}/resourceGroups/${resourceGroup().name}/providers/none/none/none/none/none'
var dicomIdParts = split(empty(dicomServiceId) ? here : dicomServiceId, '/')
var fhirIdParts = split(empty(fhirServiceId) ? here : fhirServiceId, '/')
var payloadIdParts = split(empty(payloadStorageAccountId) ? here : payloadStorageAccountId, '/')

module dicomRole 'modules/dicomRole.bicep' = if (!empty(dicomServiceId)) {
  name: 'dicomRole'
  scope: resourceGroup(dicomIdParts[2], dicomIdParts[4])
  params: {
    workspaceName: dicomIdParts[8]
    serviceName: last(dicomIdParts)
    principalId: identity.properties.principalId
  }
}

module fhirRole 'modules/fhirRole.bicep' = if (!empty(fhirServiceId)) {
  name: 'fhirRole'
  scope: resourceGroup(fhirIdParts[2], fhirIdParts[4])
  params: {
    workspaceName: fhirIdParts[8]
    serviceName: last(fhirIdParts)
    principalId: identity.properties.principalId
  }
}

module payloadRole 'modules/payloadRole.bicep' = if (!empty(payloadStorageAccountId)) {
  name: 'payloadRole'
  scope: resourceGroup(payloadIdParts[2], payloadIdParts[4])
  params: {
    accountName: last(payloadIdParts)
    principalId: identity.properties.principalId
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  params: {
    location: location
    tags: tags
    name: appName
    applicationInsightsId: monitoring.outputs.id
    emails: alertEmails
    actionGroupIds: actionGroupIds
    failurePercent: alertFailurePercent
    waiting: alertWaiting
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  params: {
    location: location
    tags: tags
    name: appName
    applicationInsightsId: monitoring.outputs.id
  }
}

output functionAppName string = functionApp.outputs.name
output functionAppUrl string = functionApp.outputs.url
output identityClientId string = identity.properties.clientId
output identityPrincipalId string = identity.properties.principalId
output keyVaultName string = hasSecrets ? vaultName : ''
output storageAccountName string = storage.outputs.name
