import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { withSettingsTable } from './settingsTable';

/** `npm run docs`: writes the generated parts of the documents. */
const root = resolve(__dirname, '..', '..', '..');
for (const name of ['README.md']) {
  const path = resolve(root, name);
  writeFileSync(path, withSettingsTable(readFileSync(path, 'utf8')));
}
