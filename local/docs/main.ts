import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { generatedParts, withPart } from './generated';

/** `npm run docs`: writes the generated parts of the documents. */
const root = resolve(__dirname, '..', '..', '..');
for (const part of generatedParts) {
  const path = resolve(root, part.document);
  writeFileSync(path, withPart(readFileSync(path, 'utf8'), part));
}
