metadata description = 'The role DICOM Data Reader on a DICOM service of Azure Health Data Services.'

param workspaceName string
param serviceName string
param principalId string

// DICOM Data Reader
var roleId = 'e89c7a3c-2f64-4fa1-a847-3e4c9ba4283a'

resource workspace 'Microsoft.HealthcareApis/workspaces@2023-11-01' existing = {
  name: workspaceName
}

resource service 'Microsoft.HealthcareApis/workspaces/dicomservices@2023-11-01' existing = {
  parent: workspace
  name: serviceName
}

resource role 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(service.id, principalId, roleId)
  scope: service
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
