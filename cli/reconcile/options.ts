import { Command, InvalidArgumentError, Option } from 'commander';
import { isContainerName, CONTAINER_NAME_RULE } from '../../src/payloads/configuration/containerName';
import type { Overrides } from '../../src/payloads/guards/guards';
import { CONFIGURATION_ID } from '../../src/payloads/configuration/serverConfiguration';

import { withOverride } from './overrides';

/** The options by their name, before they are held against each other. */
export interface RawOptions {
  readonly fhirConfigDir: string;
  readonly tenantId: string;
  readonly dsId: string;
  readonly dbProperties?: string;
  readonly dbType?: 'postgresql' | 'derby';
  readonly reconcile?: true;
  readonly read?: readonly string[];
  readonly createContainer?: true;
  readonly dryRun: boolean;
  readonly maxScanSeconds?: number;
  readonly continuationToken?: string;
  readonly minAgeHours: number;
  readonly includeTombstones?: true;
  readonly quarantine?: string | true;
  readonly restore?: string;
  readonly audit?: true;
  readonly resourceTypes?: readonly string[];
  readonly report?: string;
  readonly pageSize: number;
  readonly override?: Overrides;
}

const EXIT_CODES = `Exit codes: 0 done, and no orphan found or left; 1 failure; 2 wrong command line; 3 orphans found (dry run) or left;
            4 stopped early: time limit, guard, or interrupted. docs/reconcile.md says more.`;

/** The options of the Java tool with their meaning, and those of our own. Every one that is unknown is an error. */
export function commandLineOptions(): Command {
  return new Command('npm run --silent reconcile --')
    .description(
      'Finds and removes payload blobs of a LinuxForHealth FHIR Server that no row of its database points at.',
    )
    .helpOption('--help', 'this text')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    .addOption(
      new Option(
        '--fhir-config-dir <dir>',
        "folder of the FHIR server's configuration, with config/<tenant-id> in it",
      ).makeOptionMandatory(),
    )
    .addOption(new Option('--tenant-id <id>', 'the tenant').default('default').argParser(configurationId))
    .addOption(new Option('--ds-id <id>', 'the datasource').default('default').argParser(configurationId))
    .addOption(new Option('--db-properties <file>', 'connection of the database, a Java .properties file'))
    .addOption(new Option('--db-type <type>', 'kind of the database').choices(['postgresql', 'derby']))
    .addOption(new Option('--reconcile', 'look for orphans'))
    .addOption(
      new Option(
        '--read <path>',
        'print payloads: type/id, type/id/version or type/id/version/key; may be repeated',
      ).argParser((text, before: readonly string[] | undefined) => [...(before ?? []), text]),
    )
    .addOption(new Option('--create-container', 'create the container of the payloads'))
    .addOption(new Option('--dry-run', 'change nothing; the last of both counts').default(true, 'this one'))
    .addOption(new Option('--no-dry-run', 'delete orphans, create the container, restore payloads'))
    .addOption(
      new Option('--max-scan-seconds <seconds>', 'stop the scan after the page during which they are over').argParser(
        wholeNumber(0, Number.MAX_SAFE_INTEGER),
      ),
    )
    .addOption(new Option('--continuation-token <token>', 'go on where an earlier scan stopped'))
    .addOption(
      new Option('--min-age-hours <hours>', 'leave younger payloads alone; must exceed the longest batch request')
        .default(24)
        .argParser(hours),
    )
    .addOption(new Option('--include-tombstones', 'also the payloads that the row of a deletion names'))
    .addOption(
      new Option(
        '--quarantine [container]',
        'move orphans there instead of deleting them; without a name: that of the scanned one and -quarantine',
      ).argParser(containerName),
    )
    .addOption(new Option('--restore <run[/payload]>', 'bring back what a run has put into quarantine'))
    .addOption(new Option('--audit', 'also look for rows whose payload is missing'))
    .addOption(
      new Option(
        '--resource-types <names>',
        'only these resource types, such as Patient,Observation; may be repeated',
      ).argParser((text, before: readonly string[] | undefined) => [...(before ?? []), ...resourceTypes(text)]),
    )
    .addOption(new Option('--report <file>', 'write each finding to a file, one JSON object a line'))
    .addOption(
      new Option('--page-size <names>', 'names a page, 1 to 5000').default(5000).argParser(wholeNumber(1, 5000)),
    )
    .addOption(
      new Option('--override <guard=value>', 'let a guard pass, by the value that it names; may be repeated').argParser(
        (text, before: Overrides | undefined) => withOverride(before ?? {}, text),
      ),
    );
}

/** @returns what `--help` shows */
export function helpText(command: Command): string {
  return `${command.helpInformation()}\n${EXIT_CODES}\n`;
}

function configurationId(text: string): string {
  if (CONFIGURATION_ID.test(text)) return text;
  throw new InvalidArgumentError('Expected letters, digits, _ and -.');
}

function containerName(text: string): string {
  if (isContainerName(text)) return text;
  throw new InvalidArgumentError(`Expected ${CONTAINER_NAME_RULE}.`);
}

function wholeNumber(minimum: number, maximum: number): (text: string) => number {
  const expected =
    maximum === Number.MAX_SAFE_INTEGER
      ? `a whole number from ${minimum}`
      : `a whole number from ${minimum} to ${maximum}`;
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : -1;
    if (value < minimum || value > maximum) throw new InvalidArgumentError(`Expected ${expected}.`);
    return value;
  };
}

function hours(text: string): number {
  if (/^\d{1,6}(\.\d{1,4})?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a number of hours, such as 24 or 0.5.');
}

function resourceTypes(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.every((name) => /^[A-Za-z]{1,64}$/.test(name))) return names;
  throw new InvalidArgumentError(
    'Expected names of resource types with commas between them, such as Patient,Observation.',
  );
}
