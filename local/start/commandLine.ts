import { parseArgs } from 'node:util';

/** What `npm start -- …` asks for. */
export interface StartOptions {
  /** Folder of the user's own files; without it the samples are stored. */
  readonly dicomFolder: string | undefined;
  readonly once: boolean;
  /** Run on the Azure Functions Core Tools instead of the host stand-in. */
  readonly coreTools: boolean;
  /** Existing services to use in place of the embedded ones. */
  readonly dicomUrl: string | undefined;
  readonly fhirUrl: string | undefined;
  /** 0: any free port. */
  readonly ports: { readonly functions: number; readonly dicom: number; readonly fhir: number };
}

/** The command line is wrong; its message is one line that says what was expected. */
export class UsageError extends Error {
  readonly code = 'UsageError';
}

export const USAGE = `Usage: npm start -- [options]

  --dicom DIR         store your own files: Part 10 or DICOM JSON, folders below DIR included
  --dicom-url URL     use this DICOM service instead of the embedded one
  --fhir-url URL      use this FHIR R4 server instead of the embedded one
  --once              stop when everything is in FHIR and print a JSON summary; exit 1 when something failed
  --core-tools        run on the Azure Functions Core Tools (func), which have to be installed
  --port N            port of the functions (default 7071; 0 or --once: any free port)
  --dicom-port N      port of the embedded DICOM service (default 8042)
  --fhir-port N       port of the embedded FHIR server (default 8103)
  --help              this text`;

/** @throws UsageError */
export function readCommandLine(args: readonly string[]): StartOptions | 'help' {
  const values = parse(args);
  if (values.help === true) return 'help';
  const once = values.once === true;
  if (values.dicom !== undefined && values['dicom-url'] !== undefined) {
    throw new UsageError('--dicom stores into the embedded DICOM service and does not go with --dicom-url');
  }
  if (once && values['core-tools'] === true) throw new UsageError('--once does not go with --core-tools');
  return {
    dicomFolder: values.dicom,
    once,
    coreTools: values['core-tools'] === true,
    dicomUrl: url('--dicom-url', values['dicom-url']),
    fhirUrl: url('--fhir-url', values['fhir-url']),
    ports: {
      functions: port('--port', values.port, once ? 0 : 7071),
      dicom: port('--dicom-port', values['dicom-port'], once ? 0 : 8042),
      fhir: port('--fhir-port', values['fhir-port'], once ? 0 : 8103),
    },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        dicom: { type: 'string' },
        'dicom-url': { type: 'string' },
        'fhir-url': { type: 'string' },
        once: { type: 'boolean' },
        'core-tools': { type: 'boolean' },
        port: { type: 'string' },
        'dicom-port': { type: 'string' },
        'fhir-port': { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    const text = error instanceof Error ? error.message.split('\n')[0] : 'the command line cannot be read';
    throw new UsageError(`${text ?? ''}. See npm start -- --help`);
  }
}

function port(option: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number > 65_535)
    throw new UsageError(`${option} expects a port number from 0 to 65535`);
  return number;
}

function url(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new UsageError(`${option} expects an absolute http(s) URL`);
  return text;
}
