/** The package that is published, assembled and started outside of the project: npm run test:package. */
const base = require('../../jest.config.js');

/** @type {import('jest').Config} */
module.exports = {
  ...base,
  rootDir: '../..',
  roots: ['<rootDir>/test/package'],
  testMatch: ['**/*.package.ts'],
  maxWorkers: 1,
};
