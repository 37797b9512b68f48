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
  },
  transformIgnorePatterns: ['/node_modules/(?!commander/)'],
  testTimeout: 30_000,
  maxWorkers: 2,
};
