import { resolve } from 'node:path';
import { readCommandLine, USAGE } from './commandLine';

/** `npm start`: what is wrong is told before anything is started, and what takes long to load is loaded only for a start. */

/** Exit codes: 0 all is in FHIR, 1 something failed, 2 the command line is wrong. */
async function main(args: readonly string[]): Promise<number> {
  const options = readCommandLine(args);
  if (options === 'help') {
    console.log(USAGE);
    return 0;
  }
  const { checkFirst } = await import('./checkFirst.js');
  await checkFirst(options, resolve(__dirname, '..', '..', '..'), process.env);
  const { run } = await import('./run.js');
  return run(options);
}

function isForPeople(error: unknown): error is Error & { readonly code: string } {
  const codes = 'UsageError PortBusy SettingsError NotReady FolderNotFound HostStartError AzuritePortInUse'.split(' ');
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

main(process.argv.slice(2)).then(
  (code) => {
    // The app keeps its connections open, as it would in a host that never ends.
    process.exit(code);
  },
  (error: unknown) => {
    if (isForPeople(error)) console.error(error.message);
    else console.error(error);
    process.exit(isForPeople(error) && error.code === 'UsageError' ? 2 : 1);
  },
);
