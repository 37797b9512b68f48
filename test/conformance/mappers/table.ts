import { readSamples } from '../../../local/samples/samples';
import { castOutput } from './cast';
import { agrees, compareAll, type Comparison } from './compare';
import { COMPARED_PATHS } from './elements';
import { type Judgement, judgementOn, JUDGEMENTS } from './judgements';
import type { MapperOutput } from './mappedStudy';
import { peerOutputs } from './peers';

/** The comparison as Markdown, and what is wrong with its judgements. */
interface SideBySide {
  readonly markdown: string;
  readonly notJudged: readonly Comparison[];
  readonly idle: readonly Judgement[];
}

/** Compares Cast with the other mappers on all samples. */
export function sideBySide(): SideBySide {
  const cast = castOutput();
  const peers = peerOutputs();
  const comparisons = peers.flatMap((peer) => compareAll(cast, peer));
  const differences = comparisons.filter((each) => !agrees(each));
  const judged = differences.map((difference) => ({ difference, judgement: judgementOn(difference) }));
  const markdown = [
    studiesTable(cast, peers),
    countsTable(comparisons),
    ...peers.map(({ name }) => kindsTable(name, judged)),
  ].join('\n\n');
  return {
    markdown,
    notJudged: judged.flatMap(({ difference, judgement }) => (judgement === undefined ? [difference] : [])),
    idle: JUDGEMENTS.filter((judgement) => judged.every((each) => each.judgement !== judgement)),
  };
}

interface Judged {
  readonly difference: Comparison;
  readonly judgement: Judgement | undefined;
}

function studiesTable(cast: MapperOutput, peers: readonly MapperOutput[]): string {
  const { studies } = readSamples();
  const rows = [cast, ...peers].map(({ name, studies: mapped, failures, unit }) => {
    const known = studies.filter(({ studyUid }) => mapped.has(studyUid)).length;
    const reasons = countBy(failures.map(shortened))
      .map(([reason, count]) => `${count} × ${code(reason)}`)
      .join('; ');
    return [
      name,
      `${known} of ${studies.length}`,
      failures.length === 0 ? 'none' : `${failures.length} ${unit}: ${reasons}`,
    ];
  });
  return table(['Mapper', 'Studies mapped', 'Stopped with an error at'], rows);
}

function countsTable(comparisons: readonly Comparison[]): string {
  const seen = new Set(comparisons.map(({ path }) => path));
  const rows = COMPARED_PATHS.filter((path) => seen.has(path)).map((path) => {
    const cells = ['dicom2fhir', 'dicomjson-to-fhir'].flatMap((peer) => {
      const here = comparisons.filter((each) => each.path === path && each.peer === peer);
      const agree = here.filter(agrees).length;
      const studies = new Set(here.map(({ studyUid }) => studyUid)).size;
      return here.length === 0 ? ['', '', '', ''] : [studies, here.length, agree, here.length - agree].map(String);
    });
    return [path, ...cells];
  });
  return table(
    [
      'Element',
      ...['dicom2fhir', 'dicomjson-to-fhir'].flatMap((peer) => [`${peer}: studies`, 'values', 'agree', 'differ']),
    ],
    rows,
  );
}

function kindsTable(peer: string, judged: readonly Judged[]): string {
  const rows = JUDGEMENTS.flatMap((judgement) => {
    const here = judged.filter((each) => each.judgement === judgement && each.difference.peer === peer);
    const [first] = here;
    if (first === undefined) return [];
    const { ours, theirs } = first.difference;
    const example = `Cast: ${shown(ours)}; ${peer}: ${shown(theirs)}`;
    return [
      [judgement.path, judgement.kind, String(here.length), example, verdict(judgement, peer), judgement.because],
    ];
  });
  return table(['Element', `What ${peer} does`, 'Values', 'Example', 'Right', 'Because'], rows);
}

function verdict({ right }: Judgement, peer: string): string {
  return right === 'the other' ? peer : right;
}

const SYSTEM_NAMES: readonly (readonly [string, string])[] = [
  ['http://dicom.nema.org/resources/ontology/DCM#', 'DCM '],
  ['http://snomed.info/sct#', 'SCT '],
  ['http://terminology.hl7.org/CodeSystem/', ''],
];

const EXAMPLE_LENGTH = 90;

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = SYSTEM_NAMES.reduce((rest, [uri, name]) => rest.replaceAll(uri, name), JSON.stringify(value));
  return code(text.length > EXAMPLE_LENGTH ? `${text.slice(0, EXAMPLE_LENGTH)}...` : text);
}

/** Errors without what differs from object to object. */
function shortened(error: string): string {
  return error.replace(/'[^']*'/g, "'...'");
}

function code(text: string): string {
  return `\`${text.replaceAll('`', "'").replaceAll('|', '¦').replaceAll('\\n', ' ')}\``;
}

function countBy(names: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
