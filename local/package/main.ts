import { join, resolve } from 'node:path';
import { assemblePackage, InstallFailed } from './assemble';

/** `npm run package`: makes `.package`, the folder that is published. */
async function main(): Promise<void> {
  const root = resolve(__dirname, '..', '..', '..');
  const { files, sizeBytes, zippedBytes } = await assemblePackage(root, join(root, '.package'));
  const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;
  process.stdout.write(`.package: ${files} files, ${megabytes(sizeBytes)}, zipped ${megabytes(zippedBytes)}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof InstallFailed ? error.message : String(error)}\n`);
  process.exit(1);
});
