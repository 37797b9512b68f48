import type { ValidationWarning } from '../../../src/failures/warnings';
import { notifierOf } from '../../../src/failures/notifier';
import { defaultMappingOptions } from '../../../src/mapping/options';
import { settledPass } from '../../../src/study/settledPass';
import { syncReporter } from '../../../src/study/syncReporter';
import { element, ctInstance, testUid } from '../../support/instances';
import { STUDY_UID, validInstances } from '../../support/mapping';
import { recordingTelemetry } from '../../support/recordingTelemetry';
import { everyPartIsLong, OtherWork } from '../../support/turns';

const STUDY = { partition: 'Microsoft.Default', uid: STUDY_UID };
const never = new AbortController().signal;
const COUNT = 2500;

/** Instances of one study, each with a birth date that is none. */
const valid = validInstances(
  Array.from({ length: COUNT }, (_, index) =>
    ctInstance({ instance: testUid(1, 1, index), '00100030': element('DA', '19801399') }),
  ),
  defaultMappingOptions,
);

describe('a study with thousands of warnings', () => {
  let others: OtherWork;
  let told: unknown[];
  /** Turns that others had before anybody was told. */
  let logging: number;
  const notifier = notifierOf((_, event) => {
    if (told.push(event) === 1) logging = others.takeTurns();
    return Promise.resolve();
  });
  beforeEach(() => {
    others = new OtherWork();
    told = [];
    everyPartIsLong();
  });
  afterEach(() => {
    others.stop();
    jest.restoreAllMocks();
  });

  it('has each of them filed, logged and told, and holds up nobody meanwhile', async () => {
    const telemetry = recordingTelemetry();
    const filed: ValidationWarning[][] = [];
    const reporter = syncReporter({
      telemetry,
      notifier,
      warnings: { fileAll: (warnings) => Promise.resolve(void filed.push([...warnings])) },
      notificationMs: Infinity,
    });
    const live = { valid, invalid: [], skipped: [], secrets: new Set<string>() };
    const rows = { file: [], clear: [] };
    const remarks = { issues: [], patientDifferences: [] };
    const message = { study: STUDY, changes: [] };
    const pass = settledPass(
      { kind: 'equal', live, written: [], remarks },
      { message, rows, durationMs: 1, operationId: 'op' },
    );
    await reporter.settled(pass, never);
    const named = filed.flat().map(({ instanceUid }) => instanceUid);
    expect(named).toEqual(valid.map(({ instanceUid }) => instanceUid));
    expect(filed.map(({ length }) => length)).toEqual([1000, 1000, 500]);
    expect(told).toHaveLength(COUNT);
    expect(logging).toBeGreaterThan(1000);
    expect(others.takeTurns()).toBeGreaterThan(100);
  });

  it('which were given up: each is logged and told, and nobody is held up', async () => {
    const reporter = syncReporter({
      telemetry: recordingTelemetry(),
      notifier,
      warnings: { fileAll: () => Promise.resolve() },
      notificationMs: Infinity,
    });
    const rows = valid.map(({ instanceUid }) => ({
      rowKey: instanceUid,
      instanceUid,
      errorType: 'DicomError' as const,
      reason: 'InvalidAttribute' as const,
      message: 'PatientBirthDate (00100030): no date',
      suggestedFix: 'none',
      operationId: 'op',
    }));
    await reporter.filed({ study: STUDY, changes: [] }, rows, undefined);
    expect(told).toHaveLength(COUNT);
    expect(logging).toBeGreaterThan(1000);
    expect(others.takeTurns()).toBeGreaterThan(100);
  });
});
