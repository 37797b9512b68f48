import type { ImagingStudy, ImagingStudySeriesInstance } from 'fhir/r4';
import { atOnce, type Parts } from '../../../src/concurrency/parts';
import { readDataset, taggedElements } from '../../../src/dicom/dataset';
import type { DicomWebClient } from '../../../src/dicom/dicomWebClient';
import { createFhirClient } from '../../../src/fhir/client';
import { writeJsonInParts } from '../../../src/fhir/writeJsonInParts';
import type { HttpClient, HttpRequest } from '../../../src/http/httpClient';
import { overlayImagingStudyInParts } from '../../../src/mapping/imagingStudy';
import { defaultMappingOptions } from '../../../src/mapping/options';
import { projectStudyInParts } from '../../../src/mapping/projectStudy';
import { sameMeaning, sameMeaningInParts } from '../../../src/mapping/sameMeaning';
import { type PassDependencies, runPass } from '../../../src/study/pass';
import { sources } from '../../../src/study/sources';
import { ctInstance, testUid } from '../../support/instances';
import { REFERENCES, stored, STUDY_UID, studyOf, validInstances } from '../../support/mapping';
import { everyPartIsLong, OtherWork } from '../../support/turns';

const STUDY = { partition: 'Microsoft.Default', uid: STUDY_UID };
const INSTANCES = 5000;

/** All in one series, or in several; they come in another order than that of their numbers. */
const datasets = (count: number, series = 1): readonly unknown[] =>
  Array.from({ length: count }, (_, index) => {
    const number = (index * 7919) % count;
    const uid = 1 + (number % series);
    return ctInstance({
      series: testUid(1, uid),
      seriesNumber: uid,
      instance: testUid(1, uid, number),
      instanceNumber: number,
    });
  });

const LARGE = datasets(INSTANCES);
const HELD = stored(studyOf(LARGE));

function countParts(work: Parts<unknown>): number {
  for (let parts = 1; ; parts++) if (work.next().done === true) return parts;
}

const instancesOf = (study: ImagingStudy | undefined): readonly ImagingStudySeriesInstance[] =>
  (study?.series ?? []).flatMap(({ instance }) => instance ?? []);

/** The study with other instances in its only series. */
const withInstances = (
  change: (instances: readonly ImagingStudySeriesInstance[]) => readonly ImagingStudySeriesInstance[],
): ImagingStudy => ({
  ...HELD,
  series: (HELD.series ?? []).map((series) => ({ ...series, instance: [...change(series.instance ?? [])] })),
});

const withMembersReversed = (instance: ImagingStudySeriesInstance): ImagingStudySeriesInstance =>
  Object.fromEntries(Object.entries(instance).reverse()) as unknown as ImagingStudySeriesInstance;

const withOtherTitle = (instances: readonly ImagingStudySeriesInstance[]): readonly ImagingStudySeriesInstance[] =>
  instances.map((each, index) => (index === 4711 ? { ...each, title: 'Other' } : each));

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a study of thousands of instances', () => {
  test('has each of them once, in the order of their numbers', () => {
    const numbers = instancesOf(HELD).map(({ number }) => number);
    expect(numbers).toEqual(Array.from({ length: INSTANCES }, (_, number) => number));
    expect(HELD.series?.[0]?.numberOfInstances).toBe(INSTANCES);
  });

  test('begins with the first image of a series that does not say when', () => {
    const two = (count: number): string => String(Math.floor(count) % 60).padStart(2, '0');
    const time = (seconds: number): string => `1${2 + Math.floor(seconds / 3600)}${two(seconds / 60)}${two(seconds)}`;
    const images = LARGE.map((json, index) => ({
      ...(json as object),
      '00080021': undefined,
      '00080031': undefined,
      '00080022': { vr: 'DA', Value: ['20240115'] },
      '00080032': { vr: 'TM', Value: [time(INSTANCES - index)] },
    }));
    expect(studyOf(images).series?.[0]?.started).toBe('2024-01-15T12:00:01+01:00');
  });

  test('keeps what others put to one of its instances', () => {
    const foreign = [{ url: 'https://o.example/ext', valueString: 'kept' }];
    const held = withInstances((instances) =>
      instances.map((instance, index) => (index === 4711 ? { ...instance, extension: foreign } : instance)),
    );
    const extended = instancesOf(studyOf(LARGE, {}, held)).filter(({ extension }) => extension !== undefined);
    expect(extended).toEqual([{ ...instancesOf(HELD)[4711], extension: foreign }]);
  });

  test.each<[string, boolean, ImagingStudy]>([
    ['as it was written', true, HELD],
    ['with its instances in another order', true, withInstances((instances) => instances.toReversed())],
    ['with empty elements', true, withInstances((instances) => instances.map((each) => ({ ...each, extension: [] })))],
    ['with members in another order', true, withInstances((instances) => instances.map(withMembersReversed))],
    ['without one instance', false, withInstances((instances) => instances.slice(1))],
    [
      'with one instance twice',
      false,
      withInstances(([first, second, ...rest]) => [first!, first!, second!, ...rest].slice(0, INSTANCES)),
    ],
    ['with another title of one', false, withInstances(withOtherTitle)],
    [
      'with another title of one, in another order',
      false,
      withInstances((instances) => withOtherTitle(instances).toReversed()),
    ],
    ['without its series', false, { ...HELD, series: undefined }],
  ])('is compared with what the server holds: %s', (_, same, held) => {
    expect(sameMeaning(held, studyOf(LARGE))).toBe(same);
  });

  test('is written as JSON.stringify writes it', () => {
    const bundle = {
      resourceType: 'Bundle',
      entry: [{ resource: HELD, fullUrl: undefined }, { resource: { text: 'ä"\\\u2028', none: null, list: [] } }],
    };
    expect(atOnce(writeJsonInParts(bundle))).toBe(JSON.stringify(bundle));
  });

  test.each([
    ['in one series', 1],
    ['in 500 series', 500],
  ])('is worked on in parts: %s', (_, series) => {
    const valid = validInstances(datasets(INSTANCES, series));
    const held = stored(studyOf(datasets(INSTANCES, series)));
    const projection = atOnce(projectStudyInParts(STUDY, valid, defaultMappingOptions))!;
    const desired = atOnce(overlayImagingStudyInParts(held, projection, REFERENCES));
    expect(countParts(projectStudyInParts(STUDY, valid, defaultMappingOptions))).toBeGreaterThan(4);
    expect(countParts(overlayImagingStudyInParts(held, projection, REFERENCES))).toBeGreaterThan(2);
    expect(countParts(sameMeaningInParts(held, desired))).toBeGreaterThan(2);
    expect(countParts(writeJsonInParts(desired))).toBeGreaterThan(10);
  });

  test('of the usual size is one part', () => {
    const small = datasets(500, 4);
    const held = stored(studyOf(small));
    const projection = atOnce(projectStudyInParts(STUDY, validInstances(small), defaultMappingOptions))!;
    expect(countParts(projectStudyInParts(STUDY, validInstances(small), defaultMappingOptions))).toBe(1);
    expect(countParts(overlayImagingStudyInParts(held, projection, REFERENCES))).toBe(1);
    expect(countParts(sameMeaningInParts(held, studyOf(small)))).toBe(1);
    expect(countParts(writeJsonInParts({ resourceType: 'Bundle', entry: [{ resource: held }] }))).toBe(1);
  });
});

/** Turns that others had while the pass was at a step. */
interface Turns {
  projecting: number;
  writing: number;
}

/** Looks once at a study whose services answer at once. */
async function lookAt(json: readonly unknown[], held: ImagingStudy | undefined, signal: AbortSignal) {
  const others = new OtherWork();
  const turns: Turns = { projecting: 0, writing: 0 };
  const written: HttpRequest[] = [];
  const answer = (request: HttpRequest): object => {
    if (request.method === 'GET')
      return { resourceType: 'Bundle', entry: held === undefined ? [] : [{ resource: held }] };
    turns.writing = others.takeTurns();
    written.push(request);
    return { resourceType: 'Bundle', entry: [{ response: { status: '200' } }] };
  };
  const http: HttpClient = {
    send: (request) => Promise.resolve({ status: 200, headers: {}, body: JSON.stringify(answer(request)) }),
    close: () => Promise.resolve(),
  };
  const unused = (): Promise<never> => Promise.reject(new Error('not needed here'));
  const dicom: DicomWebClient = {
    searchStudies: unused,
    probe: unused,
    studyMetadata(_study, take) {
      take(json.map(readDataset).map((dataset) => ({ ...dataset, changed: taggedElements(dataset.elements) })));
      return Promise.resolve();
    },
  };
  const patient = { resource: { resourceType: 'Patient' as const }, id: 'p', etag: 'W/"1"' };
  const deps: PassDependencies = {
    dicom,
    fhir: createFhirClient({ http, baseUrl: 'https://fhir.example' }),
    endpoints: { reference: () => Promise.resolve(REFERENCES.endpoint), forget: () => undefined },
    patients: {
      find: () => {
        turns.projecting = others.takeTurns();
        return Promise.resolve({ keep: patient, lose: [] });
      },
      removeSpare: unused,
    },
    patientLock: { excludes: false, hold: unused },
    lookAgain: unused,
    sources: sources('https://d.example', 'v2'),
    mapping: defaultMappingOptions,
  };
  const look = { onLive: () => void others.takeTurns(), onWrite: () => undefined, thorough: false };
  try {
    const result = await runPass(deps, STUDY, look, signal);
    return { result, turns, written };
  } finally {
    others.stop();
  }
}

describe('a look at a study of thousands of instances', () => {
  const never = new AbortController().signal;

  test('gives way to others while it is projected, and while it is compared and written', async () => {
    everyPartIsLong();
    const { turns, written } = await lookAt(LARGE, { ...HELD, description: 'Other' }, never);
    expect(turns.projecting).toBeGreaterThan(5);
    expect(turns.writing).toBeGreaterThan(10);
    const [sent] = written;
    expect(sent?.body).toContain(testUid(1, 1, 4711));
  });

  test('holds up nobody for a study of the usual size', async () => {
    everyPartIsLong();
    const small = datasets(20, 4);
    const { turns, written } = await lookAt(small, { ...stored(studyOf(small)), description: 'Other' }, never);
    expect(turns).toEqual({ projecting: 0, writing: 0 });
    expect(written).toHaveLength(1);
  });

  test('ends with the reason of the signal, and writes nothing then', async () => {
    everyPartIsLong();
    const controller = new AbortController();
    const work = lookAt(LARGE, undefined, controller.signal);
    const ended = work.then(
      () => 'done',
      (error: unknown) => (error as Error).message,
    );
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error('the time is over'));
    expect(await ended).toBe('the time is over');
  });
});
