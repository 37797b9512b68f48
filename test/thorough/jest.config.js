/** Every place and every seed of the tests that play a sample of them in `npm test`: npm run test:thorough. */
const { globSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const base = require('../../jest.config.js');

// The workers inherit it; see test/support/thorough.ts.
process.env.THOROUGH = 'true';
const root = join(__dirname, '..', '..');

/** @type {import('jest').Config} */
module.exports = {
  ...base,
  rootDir: '../..',
  testMatch: globSync('test/**/*.test.ts', { cwd: root })
    .filter((file) => readFileSync(join(root, file), 'utf8').includes("support/thorough'"))
    .map((file) => `<rootDir>/${file.replaceAll('\\', '/')}`),
};
