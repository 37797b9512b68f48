/** Tests against a real Apache Derby, which need Java: npm run test:derby. */
const base = require('../../jest.config.js');

/** @type {import('jest').Config} */
module.exports = {
  ...base,
  rootDir: '../..',
  roots: ['<rootDir>/test/derby'],
  testMatch: ['**/*.derby.ts'],
  testTimeout: 120_000,
  maxWorkers: 1,
};
