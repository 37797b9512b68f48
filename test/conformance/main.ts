import { ALLOWED_WARNINGS, VALIDATOR_GAPS } from './allowedWarnings';
import { setUpValidator, validateAll, type ValidatorIssue } from './javaValidator';
import { JavaMissing } from '../support/javaPart';
import { ownChecks } from './ownChecks';
import type { MappingOptions } from '../../src/mapping/options';
import { randomStudies } from './randomStudies';
import { vectorStudies } from './vectorStudies';
import {
  CONFORMANCE_OPTIONS,
  EVERY_OPTION,
  resourcesOfDoseReports,
  resourcesOfSamples,
  type WrittenResource,
  writtenEndpoint,
  writtenResources,
} from './writtenResources';

/** `npm run conformance`: everything that Cast writes, checked by HL7's own validation code. */

const RANDOM_STUDIES = 500;
const SEED = 20_260_101;

/** The rest of the objects is the same with other options, so fewer of them do. */
const RANDOM_STUDIES_WITH_EVERY_OPTION = 100;

/** Neither status nor subject, a relative system, a time without a zone. */
const BROKEN_ON_PURPOSE = {
  resourceType: 'ImagingStudy',
  started: '2024-01-15T10:15:00',
  modality: [{ system: 'DCM', code: 'CT' }],
};

interface Finding {
  readonly written: WrittenResource;
  readonly issue: ValidatorIssue;
}

async function main(): Promise<number> {
  const classPath = setUpValidator(say);
  const written = [
    ...everythingWritten(CONFORMANCE_OPTIONS, RANDOM_STUDIES),
    ...everythingWritten(EVERY_OPTION, RANDOM_STUDIES_WITH_EVERY_OPTION),
  ];
  say(`Validating ${written.length} resources ...`);
  const [control = [], ...issues] = await validateAll(classPath, [
    BROKEN_ON_PURPOSE,
    ...written.map(({ resource }) => resource),
  ]);
  if (!control.some(({ severity }) => severity === 'error'))
    throw new Error('The validator lets a broken resource through: its silence would mean nothing');
  const findings = written.flatMap((each, index): readonly Finding[] => [
    ...(issues[index] ?? []).map((issue) => ({ written: each, issue })),
    ...ownChecks(each.resource).map((msg) => ({
      written: each,
      issue: { severity: 'error', rule: 'own-check', msg } as const,
    })),
  ]);
  return report(written, findings);
}

/** What Cast writes with these options for the samples, the vectors of the mapping and random studies. */
function everythingWritten(options: MappingOptions, randomCount: number): readonly WrittenResource[] {
  return [
    writtenEndpoint(options),
    ...resourcesOfSamples(options),
    ...resourcesOfDoseReports(options),
    ...vectorStudies().flatMap(({ vector, studyUid, datasets }) =>
      writtenResources(`vector ${vector}`, studyUid, datasets, options),
    ),
    ...randomStudies(randomCount, SEED).flatMap(({ studyUid, datasets }) =>
      writtenResources(`random ${studyUid}`, studyUid, datasets, options),
    ),
  ];
}

function report(written: readonly WrittenResource[], findings: readonly Finding[]): number {
  const refused = findings.filter(({ issue }) => issue.severity === 'error' || issue.severity === 'fatal');
  const gaps = refused.filter(({ issue }) => VALIDATOR_GAPS.some(({ pattern }) => pattern.test(issue.msg)));
  const errors = refused.filter((finding) => !gaps.includes(finding));
  const warnings = findings.filter(({ issue }) => issue.severity === 'warning');
  const unknown = warnings.filter(({ issue }) => !ALLOWED_WARNINGS.some(({ pattern }) => pattern.test(issue.msg)));
  for (const { written: each, issue } of [...errors, ...unknown].slice(0, 40)) {
    console.log(`${issue.severity} ${each.resource.resourceType} (${each.origin}) ${issue.loc ?? ''}: ${issue.msg}`);
  }
  const byType = countBy(written.map(({ resource }) => resource.resourceType));
  console.log(`Resources checked: ${written.length} (${describe(byType)})`);
  console.log(`Errors: ${errors.length}`);
  for (const { pattern, reason } of VALIDATOR_GAPS) {
    console.log(
      `  ${gaps.filter(({ issue }) => pattern.test(issue.msg)).length} not counted, gaps of the validator: ${reason}`,
    );
  }
  console.log(`Warnings: ${warnings.length}, of which not on the allow-list: ${unknown.length}`);
  for (const { pattern, reason } of ALLOWED_WARNINGS) {
    console.log(`  ${warnings.filter(({ issue }) => pattern.test(issue.msg)).length} allowed: ${reason}`);
  }
  return errors.length + unknown.length === 0 ? 0 : 1;
}

function countBy(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function describe(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}

function say(text: string): void {
  console.error(text);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error instanceof JavaMissing ? error.message : error);
    process.exitCode = 1;
  },
);
