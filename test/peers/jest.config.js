/** Tests against servers that others wrote: npm run test:peers. */
const base = require('../../jest.config.js');

/** @type {import('jest').Config} */
module.exports = {
  ...base,
  rootDir: '../..',
  roots: ['<rootDir>/test/peers'],
  testMatch: ['**/*.peer.ts'],
  testTimeout: 180_000,
  maxWorkers: 1,
};
