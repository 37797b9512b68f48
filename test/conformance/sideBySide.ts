import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { withSideBySide } from './mappers/document';
import { sideBySide } from './mappers/table';

/** `npm run compare:mappers`: Cast beside the mappers of others; with `--write` it goes into docs/mapping.md. */
function main(): number {
  const { markdown, notJudged, idle } = sideBySide();
  console.log(markdown);
  for (const { path, peer, ours, theirs } of notJudged)
    console.error(`Not judged: ${path}: Cast ${JSON.stringify(ours)}, ${peer} ${JSON.stringify(theirs)}`);
  for (const { path, kind } of idle) console.error(`Judged, but not seen: ${path}: ${kind}`);
  if (process.argv.includes('--write')) {
    const document = resolve(__dirname, '../../docs/mapping.md');
    writeFileSync(document, withSideBySide(readFileSync(document, 'utf8'), markdown));
  }
  return notJudged.length + idle.length === 0 ? 0 : 1;
}

process.exitCode = main();
