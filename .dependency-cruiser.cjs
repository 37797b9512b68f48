/**
 * Directions between folders (docs/architecture.md): functions -> src/app -> {feed, study, payloads} -> {mapping, failures} -> {dicom, fhir, http, telemetry}.
 * @type {import('dependency-cruiser').IConfiguration}
 */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'app-needs-nothing-local',
      severity: 'error',
      from: { path: '^(functions|src)/' },
      to: { path: '^(local|test|bench|cli)/' },
    },
    {
      name: 'the-command-line-is-about-payloads',
      severity: 'error',
      from: { path: '^cli/' },
      to: { path: '^(functions|local|test|bench)/|^src/(?!payloads/|identity/|http/)' },
    },
    {
      name: 'only-functions-use-the-composition-root',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/app\\.ts$' },
    },
    {
      name: 'services-know-no-settings',
      severity: 'error',
      from: { path: '^src/[^/]+/' },
      to: {
        path: '^src/(settings|identitySettings|cast|castClients|mappingOptions|serviceIdentity|reconcile[A-Za-z]*)\\.ts$',
      },
    },
    {
      name: 'functions-hold-triggers-only',
      severity: 'error',
      from: { path: '^functions/' },
      to: { path: '^src/', pathNot: '^src/app\\.ts$' },
    },
    {
      name: 'dicom-knows-no-fhir',
      severity: 'error',
      from: { path: '^src/dicom/' },
      to: { path: '^src/(?!dicom/|http/|concurrency/)' },
    },
    {
      name: 'fhir-knows-no-dicom',
      severity: 'error',
      from: { path: '^src/fhir/' },
      to: { path: '^src/(?!fhir/|http/|concurrency/)' },
    },
    {
      name: 'concurrency-knows-nothing',
      severity: 'error',
      from: { path: '^src/concurrency/' },
      to: { pathNot: '^src/concurrency/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'http-and-telemetry-know-nothing',
      severity: 'error',
      from: { path: '^src/(http|telemetry)/' },
      to: { path: '^src/', pathNot: '^src/(http|telemetry|concurrency)/' },
    },
    {
      name: 'mapping-is-pure',
      severity: 'error',
      from: { path: '^src/mapping/' },
      to: { path: '^src/(?!mapping/|dicom/|fhir/|concurrency/parts\\.ts$)|@azure/|undici' },
    },
    {
      name: 'failures-look-down-only',
      severity: 'error',
      from: { path: '^src/failures/' },
      to: { path: '^src/(?!failures/|dicom/|fhir/|http/|telemetry/|concurrency/)' },
    },
    {
      name: 'services-do-not-know-each-other',
      severity: 'error',
      from: { path: '^src/payloads/' },
      to: { path: '^src/(feed|study|mapping|dicom|fhir)/' },
    },
    {
      name: 'study-does-not-know-the-feed',
      severity: 'error',
      from: { path: '^src/study/' },
      to: { path: '^src/(feed|payloads)/' },
    },
    {
      name: 'pure-folders-use-no-azure',
      severity: 'error',
      from: { path: '^src/(dicom|fhir|mapping)/' },
      to: { path: '@azure/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.json'] },
  },
};
