metadata description = 'The role FHIR Data Contributor on a FHIR service of Azure Health Data Services.'

param workspaceName string
param serviceName string
param principalId string

// FHIR Data Contributor
var roleId = '5a1fc7df-4bf1-4951-a576-89034ee01acd'

resource workspace 'Microsoft.HealthcareApis/workspaces@2023-11-01' existing = {
  name: workspaceName
}

resource service 'Microsoft.HealthcareApis/workspaces/fhirservices@2023-11-01' existing = {
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
