import { short } from '../report/table';
import { forecast, type Forecast, type Load } from './model';

/**
 * Assumptions that the loads of docs/performance.md share, requests that are not shared among them: what they say is at most.
 * `npm run bench -- cast` prints the CPU times of your machine.
 */
const COMMON = {
  studySize: 300,
  studiesPerMessage: 1,
  studiesPerRequest: 1,
  newPatients: 0.3,
  latencyMs: 20,
  cpuMsPerLook: 5,
  cpuMsPerInstance: 0.06,
};

/** A load with the words that the documentation uses for it. */
interface NamedLoad {
  readonly name: string;
  readonly load: Load;
}

const LOADS: readonly NamedLoad[] = [
  {
    name: 'a hospital: 1M instances a day',
    load: { ...COMMON, dicomInstances: 1e6, roundsPerStudy: 4, functionInstances: 1 },
  },
  ...[4, 16].map((functionInstances) => ({
    name: `a national archive: a backlog of 1G instances, ${functionInstances} function instances`,
    load: { ...COMMON, dicomInstances: 1e9, roundsPerStudy: 1.06, functionInstances },
  })),
  {
    name: 'radiographs: a backlog of 10M instances in studies of 2',
    load: {
      ...COMMON,
      dicomInstances: 1e7,
      studySize: 2,
      studiesPerMessage: 30,
      studiesPerRequest: 25,
      roundsPerStudy: 1,
      functionInstances: 1,
    },
  },
];

const ROWS: readonly (readonly [string, (result: Forecast) => number])[] = [
  ['looks at studies', ({ looks }) => looks],
  ['messages', ({ messages }) => messages],
  ['hours of the puller', ({ pullHours }) => pullHours],
  ['hours of the workers', ({ workHours }) => workHours],
  ['hours of function instances, all together', ({ instanceHours }) => instanceHours],
  ['FHIR requests', ({ fhirRequests }) => fhirRequests],
  ['DICOM requests', ({ dicomRequests }) => dicomRequests],
  ['queue operations', ({ queueOperations }) => queueOperations],
  ['table operations', ({ tableOperations }) => tableOperations],
];

/** The table of docs/performance.md, in Markdown. */
export function loadTable(): string {
  const results = LOADS.map(({ load }) => forecast(load));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(['', ...LOADS.map(({ name }) => name)]),
    line(['---', ...LOADS.map(() => '---:')]),
    ...ROWS.map(([name, value]) => line([name, ...results.map((result) => short(value(result)))])),
  ].join('\n');
}
