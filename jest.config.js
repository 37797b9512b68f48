const compile = (syntax) => [
  '@swc/jest',
  { jsc: { target: 'es2022', parser: { syntax } }, module: { type: 'commonjs' } },
];

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.ts$': compile('typescript'),
    // An ES module, which jest cannot load as it is.
    '/node_modules/commander/.+\\.js$': compile('ecmascript'),
    // Azurite takes two seconds to load, of which most is telemetry that stays off; the definitions of R4 take one.
    '/node_modules/(azurite|@medplum/(core|definitions))/.+\\.c?js$': '<rootDir>/test/support/outsideSandbox.cjs',
  },
  transformIgnorePatterns: ['/node_modules/(?!commander/|azurite/|@medplum/)'],
  testTimeout: 30_000,
  maxWorkers: 2,
};
