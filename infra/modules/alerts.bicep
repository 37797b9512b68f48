metadata description = 'Alerts on what the app tells Application Insights. docs/operate.md has a paragraph for each, under its name.'

param location string
param tags object
param name string
param applicationInsightsId string

@description('Addresses that alerts are mailed to.')
param emails string[]

@description('Resource ids of action groups that alerts go to as well.')
param actionGroupIds string[]

@description('Percent of the changes of an hour.')
param failurePercent int

@description('Entries or messages that wait.')
param waiting int

// The names in the queries are those of src/telemetry/names.ts: a test compares them.
// A figure is valueSum / valueCount: the mean of what was told in one interval of the exporter.
var rules = [
  {
    key: 'failure-rate-high'
    title: 'Many changes are not in FHIR'
    severity: 1
    every: 'PT15M'
    window: 'PT1H'
    query: '''
      customMetrics
      | where name in ('entries-failed', 'entries-processed')
      | summarize failed = sumif(valueSum, name == 'entries-failed'), processed = sumif(valueSum, name == 'entries-processed')
      | where failed >= 10
      | project figure = 100.0 * failed / max_of(processed, failed)
    '''
    operator: 'GreaterThan'
    threshold: failurePercent
    dimension: ''
    resolves: true
  }
  {
    key: 'failure-rate-rising'
    title: 'Three times as many failures as in the day before'
    severity: 2
    every: 'PT1H'
    window: 'P1D'
    query: '''
      customMetrics
      | where name == 'entries-failed'
      | summarize recent = sumif(valueSum, timestamp > ago(1h)), earlier = sumif(valueSum, timestamp <= ago(1h)) / 23.0
      | where recent >= 10
      | project figure = recent / max_of(earlier, 1.0)
    '''
    operator: 'GreaterThan'
    threshold: 3
    dimension: ''
    resolves: true
  }
  {
    key: 'transient-errors-repeat'
    title: 'The same transient error again and again'
    severity: 2
    every: 'PT15M'
    window: 'PT30M'
    query: '''
      customMetrics
      | where name in ('studies-postponed', 'studies-deferred')
      | summarize figure = sum(valueSum) by reason = tostring(customDimensions['reason'])
    '''
    operator: 'GreaterThan'
    threshold: 50
    dimension: 'reason'
    resolves: true
  }
  {
    key: 'same-reason'
    title: 'Several studies fail for the same reason'
    severity: 2
    every: 'PT15M'
    window: 'PT1H'
    query: '''
      customEvents
      | where name == 'entry-failed'
      | extend reason = tostring(customDimensions['reason']), study = tostring(customDimensions['study']), sequence = tostring(customDimensions['sequence'])
      | summarize figure = dcount(iff(isempty(study), sequence, study)) by reason
    '''
    operator: 'GreaterThanOrEqual'
    threshold: 5
    dimension: 'reason'
    resolves: true
  }
  {
    key: 'lag-growing'
    title: 'More and more waits'
    severity: 2
    every: 'PT15M'
    window: 'PT1H'
    query: '''
      customMetrics
      | where name in ('feed-lag-entries', 'queue-depth')
      | extend what = iff(name == 'feed-lag-entries', 'change feed', tostring(customDimensions['queue'])), value = valueSum / valueCount
      | where what !endswith '-poison'
      | summarize earlier = avgif(value, timestamp <= ago(30m)), figure = avgif(value, timestamp > ago(30m)) by what
      | where figure > 1.2 * earlier
      | project what, figure
    '''
    operator: 'GreaterThanOrEqual'
    threshold: waiting
    dimension: 'what'
    resolves: true
  }
  {
    key: 'poison-not-empty'
    title: 'Messages stay in a poison queue'
    severity: 2
    every: 'PT15M'
    window: 'PT30M'
    query: '''
      customMetrics
      | where name == 'queue-depth'
      | extend queue = tostring(customDimensions['queue']), value = valueSum / valueCount
      | where queue endswith '-poison'
      | summarize figure = min(value), told = count() by queue
      | where told >= 2
      | project queue, figure
    '''
    operator: 'GreaterThan'
    threshold: 0
    dimension: 'queue'
    resolves: true
  }
  {
    key: 'feed-reset'
    title: 'The change feed ends before the cursor'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    query: '''
      union
        (customEvents | where name == 'feed-reset' | project timestamp),
        (customMetrics | where name == 'feed-reset-pending' and valueSum > 0 | project timestamp)
      | summarize figure = count()
    '''
    operator: 'GreaterThan'
    threshold: 0
    dimension: ''
    resolves: true
  }
  {
    key: 'identity-refused'
    title: 'A service refuses our identity'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    query: '''
      union
        (customEvents | where name == 'dependency-down'),
        (customMetrics | where name in ('studies-deferred', 'feed-pulls'))
      | where tostring(customDimensions['reason']) == 'AccessDenied'
      | summarize figure = sum(coalesce(valueSum, 1.0))
    '''
    operator: 'GreaterThan'
    threshold: 0
    dimension: ''
    resolves: true
  }
  {
    key: 'last-success-too-old'
    title: 'The change feed is not being read'
    severity: 1
    every: 'PT5M'
    window: 'PT30M'
    query: '''
      customMetrics
      | where name == 'feed-pulls' and tostring(customDimensions['outcome']) != 'failed'
      | summarize figure = sum(valueSum)
    '''
    operator: 'LessThan'
    threshold: 1
    dimension: ''
    resolves: true
  }
  {
    key: 'reconcile-stopped'
    title: 'Reconcile was stopped by a guard'
    severity: 1
    every: 'PT15M'
    window: 'PT15M'
    query: '''
      customEvents
      | where name == 'reconcile-stopped-by-guard'
      | summarize figure = 1.0 * dcount(tostring(customDimensions['runId'])) by guard = tostring(customDimensions['guard'])
    '''
    operator: 'GreaterThan'
    threshold: 0
    dimension: 'guard'
    resolves: false
  }
]

resource mail 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emails)) {
  name: '${name}-mail'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'imaging'
    enabled: true
    emailReceivers: [for (address, index) in emails: {
      name: 'mail-${index}'
      emailAddress: address
      useCommonAlertSchema: true
    }]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: '${name}-${rule.key}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: '${rule.title} (${name})'
    description: 'What it means and what to do: docs/operate.md, ${rule.key}'
    severity: rule.severity
    enabled: true
    scopes: [applicationInsightsId]
    evaluationFrequency: rule.every
    windowSize: rule.window
    autoMitigate: rule.resolves
    criteria: {
      allOf: [
        {
          query: rule.query
          metricMeasureColumn: 'figure'
          timeAggregation: 'Maximum'
          operator: rule.operator
          threshold: rule.threshold
          dimensions: empty(rule.dimension) ? [] : [{ name: rule.dimension, operator: 'Include', values: ['*'] }]
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: concat(actionGroupIds, empty(emails) ? [] : [mail.id])
    }
  }
}]
