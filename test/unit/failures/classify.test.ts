import type { OperationOutcome } from 'fhir/r4';
import { RestError } from '@azure/data-tables';
import { MalformedDataset } from '../../../src/dicom/dataset';
import { MalformedMetadata } from '../../../src/dicom/errors';
import { classify, withServerText, type Dependency, type Failure } from '../../../src/failures/classify';
import { reasonCodes } from '../../../src/failures/errorTypes';
import { suggestedFixes } from '../../../src/failures/suggestedFixes';
import { readJson } from '../../../src/fhir/channel';
import {
  FhirResourceInvalid,
  FhirStatusError,
  InvalidFhirResponse,
  MultipleMatches,
  VersionConflict,
} from '../../../src/fhir/errors';
import { ConnectionError, HttpStatusError, ResponseTooLarge } from '../../../src/http/errors';
import { PatientLockBusy } from '../../../src/study/patientLock';

const connection = (requestSent: boolean, more: { timedOut?: boolean; causeCode?: string } = {}): Error =>
  new ConnectionError('https://fhir.example', { requestSent, timedOut: false, ...more });
const http = (status: number): Error => new HttpStatusError({ method: 'GET', status, body: 'DOE^JOHN' });
const status = (code: number, more: { retryAfterMs?: number; outcome?: unknown } = {}): Error =>
  new FhirStatusError({
    kind: 'transaction',
    status: code,
    retryAfterMs: more.retryAfterMs,
    outcome: more.outcome as OperationOutcome,
  });
const rest = (facts: { statusCode?: number; code?: string }): Error => new RestError('DOE^JOHN', facts);
const thrown = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (error) {
    return error;
  }
};

describe('the table of design 3.3', () => {
  const rows: readonly [string, unknown, Dependency, Partial<Failure> & { errorType?: string }][] = [
    [
      'refused connection',
      connection(false, { causeCode: 'ECONNREFUSED' }),
      'fhir',
      { kind: 'unavailable', reason: 'ConnectionFailed', outcomeUnknown: false },
    ],
    [
      'reset after the request',
      connection(true),
      'fhir',
      { kind: 'unavailable', reason: 'ConnectionFailed', outcomeUnknown: true },
    ],
    [
      'DICOM connection',
      connection(true),
      'dicom',
      { kind: 'unavailable', reason: 'ConnectionFailed', dependency: 'dicom' },
    ],
    ['502', status(502), 'fhir', { kind: 'unavailable', reason: 'ServiceUnavailable', outcomeUnknown: true }],
    [
      '503',
      status(503, { retryAfterMs: 7000 }),
      'fhir',
      { kind: 'unavailable', reason: 'ServiceUnavailable', outcomeUnknown: false, retryAfterMs: 7000 },
    ],
    ['504', status(504), 'fhir', { kind: 'unavailable', reason: 'ServiceUnavailable', outcomeUnknown: true }],
    ['401', status(401), 'fhir', { kind: 'unavailable', reason: 'AccessDenied', httpStatus: 401 }],
    ['403', http(403), 'dicom', { kind: 'unavailable', reason: 'AccessDenied', httpStatus: 403 }],
    [
      '429',
      status(429, { retryAfterMs: 1000 }),
      'fhir',
      { kind: 'unavailable-if-probe-fails', reason: 'ServerTooBusy', retryAfterMs: 1000 },
    ],
    ['500', status(500), 'fhir', { kind: 'unavailable-if-probe-fails', reason: 'ServerError' }],
    ['507', status(507), 'fhir', { kind: 'unavailable-if-probe-fails', reason: 'ServerError' }],
    ['408', status(408), 'fhir', { kind: 'transient', reason: 'RequestTimeout' }],
    ['409', status(409), 'fhir', { kind: 'conflict', reason: 'ResourceConflict' }],
    ['412', status(412), 'fhir', { kind: 'conflict', reason: 'ResourceConflict' }],
    [
      'version conflict',
      new VersionConflict({ kind: 'update', status: 409 }),
      'fhir',
      { kind: 'conflict', reason: 'ResourceConflict', httpStatus: 409 },
    ],
    [
      'several matches',
      new MultipleMatches('Patient', ['1', '2']),
      'fhir',
      {
        kind: 'permanent',
        errorType: 'FhirError',
        reason: 'MultipleMatchingResources',
        message: 'More than one Patient on the FHIR server matches where one was expected: 1, 2',
      },
    ],
    [
      'several matches in a transaction',
      new MultipleMatches(undefined, []),
      'fhir',
      {
        kind: 'permanent',
        reason: 'MultipleMatchingResources',
        message: 'More than one resource on the FHIR server matches where one was expected',
      },
    ],
    [
      'time-out',
      connection(true, { timedOut: true }),
      'fhir',
      { kind: 'unavailable', reason: 'RequestTimeout', outcomeUnknown: true },
    ],
    ['redirect', status(302), 'fhir', { kind: 'permanent', reason: 'TransactionFailed', httpStatus: 302 }],
    [
      'body cut to nothing',
      thrown(() => readJson('search', { status: 200, headers: {}, body: '' })),
      'fhir',
      { kind: 'unavailable-if-probe-fails', reason: 'InvalidFhirResponse', outcomeUnknown: false },
    ],
    [
      'an answer to a write that confirms nothing',
      new InvalidFhirResponse('the answer to a transaction is no Bundle', { outcomeUnknown: true }),
      'fhir',
      { kind: 'permanent', reason: 'InvalidFhirResponse', outcomeUnknown: true },
    ],
    [
      'unreadable DICOM JSON',
      new MalformedMetadata('the array does not end'),
      'dicom',
      { kind: 'unavailable-if-probe-fails', reason: 'InvalidDicomResponse', dependency: 'dicom' },
    ],
    [
      'an endless answer',
      new ResponseTooLarge(100),
      'dicom',
      { kind: 'permanent', errorType: 'DicomError', reason: 'InvalidDicomResponse' },
    ],
    [
      '400',
      status(400),
      'fhir',
      { kind: 'permanent', errorType: 'FhirError', reason: 'TransactionFailed', httpStatus: 400 },
    ],
    [
      '422',
      status(422),
      'fhir',
      { kind: 'permanent', errorType: 'FhirError', reason: 'TransactionFailed', httpStatus: 422 },
    ],
    [
      '404',
      status(404),
      'fhir',
      { kind: 'permanent', errorType: 'FhirError', reason: 'TransactionFailed', httpStatus: 404 },
    ],
    [
      'no versionId',
      new FhirResourceInvalid('ImagingStudy', 'versionId'),
      'fhir',
      {
        kind: 'permanent',
        errorType: 'FhirError',
        reason: 'FhirResourceValidation',
        message: 'A resource of type ImagingStudy on the FHIR server has no versionId',
      },
    ],
    [
      'response entry missing',
      new InvalidFhirResponse('entry 2 of a transaction has no response'),
      'fhir',
      { kind: 'permanent', errorType: 'FhirError', reason: 'InvalidFhirResponse' },
    ],
    [
      'body that is no JSON',
      thrown(() => readJson('transaction', { status: 200, headers: {}, body: '<html>' })),
      'fhir',
      { kind: 'unavailable-if-probe-fails', reason: 'InvalidFhirResponse', outcomeUnknown: true },
    ],
    ['DICOM 400', http(400), 'dicom', { kind: 'permanent', errorType: 'DicomError', reason: 'DicomRequestRefused' }],
    ['DICOM 503', http(503), 'dicom', { kind: 'unavailable', reason: 'ServiceUnavailable', dependency: 'dicom' }],
    [
      'malformed metadata',
      new MalformedDataset(),
      'dicom',
      { kind: 'permanent', errorType: 'DicomError', reason: 'MalformedMetadata' },
    ],
    [
      'storage busy',
      rest({ statusCode: 503 }),
      'storage',
      { kind: 'unavailable', reason: 'ServiceUnavailable', dependency: 'storage' },
    ],
    [
      'storage not reached',
      rest({ code: 'ECONNREFUSED' }),
      'storage',
      { kind: 'unavailable', reason: 'ConnectionFailed' },
    ],
    ['storage forbidden', rest({ statusCode: 403 }), 'storage', { kind: 'unavailable', reason: 'AccessDenied' }],
    ['storage ETag', rest({ statusCode: 412 }), 'storage', { kind: 'conflict', reason: 'ResourceConflict' }],
    ['storage refuses', rest({ statusCode: 400 }), 'storage', { kind: 'unexpected', reason: 'StorageRequestRefused' }],
    [
      'token',
      Object.assign(new Error('no'), { name: 'CredentialUnavailableError' }),
      'fhir',
      { kind: 'unavailable', reason: 'AccessDenied', dependency: 'fhir' },
    ],
    [
      'stopped',
      new DOMException('stop', 'AbortError'),
      'fhir',
      { kind: 'transient', reason: 'RequestTimeout', outcomeUnknown: true },
    ],
    ['lock busy', new PatientLockBusy(1000), 'storage', { kind: 'transient', reason: 'ResourceConflict' }],
    [
      'a defect',
      new TypeError("Cannot read properties of undefined (reading 'x')"),
      'storage',
      { kind: 'unexpected', reason: 'Unexpected' },
    ],
    ['a thrown text', 'Doe', 'fhir', { kind: 'unexpected', message: 'A string was thrown' }],
    ['nothing', undefined, 'fhir', { kind: 'unexpected' }],
  ];
  test.each(rows)('%s', (_name, error, dependency, expected) => {
    expect(classify(error, dependency)).toMatchObject(expected);
  });

  test('every failure says what to do about it', () => {
    for (const [, error, dependency] of rows) expect(classify(error, dependency).suggestedFix).toBeTruthy();
    for (const reason of reasonCodes) expect(suggestedFixes[reason].length).toBeGreaterThan(40);
  });
});

describe('what a failure tells', () => {
  const refused = status(422, {
    outcome: {
      resourceType: 'OperationOutcome',
      issue: [
        { severity: 'warning', code: 'informational', diagnostics: 'a warning' },
        {
          severity: 'error',
          code: 'value',
          diagnostics: "Not a valid date: 'DOE 1980-01-31'",
          expression: ['Bundle.entry[0].resource.birthDate'],
        },
        { severity: 'error', code: 'invariant', expression: ["Patient.name.where(family='DOE')"] },
      ],
    },
  });

  test('severity, code and place of the worst issues are told, the words of the server are kept apart', () => {
    const failure = classify(refused, 'fhir');
    expect(failure.message).toBe(
      'The FHIR server answered 422 (error value at Bundle.entry[0].resource.birthDate; error invariant; warning informational)',
    );
    expect(failure.serverText).toBe("Not a valid date: 'DOE 1980-01-31'; a warning");
  });

  test('the words of the server join the message when they are redacted', () => {
    const failure = withServerText(classify(refused, 'fhir'), (text) => text.replace(/DOE 1980-01-31/, '***'));
    expect(failure.message).toMatch(/informational\): Not a valid date: '\*\*\*'; a warning$/);
    expect(failure.serverText).toBeUndefined();
  });

  test('neither the message of an error nor an outcome of odd shape reaches the message', () => {
    expect(JSON.stringify(classify(status(400, { outcome: 'DOE' }), 'fhir'))).not.toContain('DOE');
    const odd = status(400, {
      outcome: { issue: [{ severity: 'DOE', code: 'DOE^JOHN', expression: 'DOE', details: 'DOE' }] },
    });
    expect(JSON.stringify(classify(odd, 'fhir'))).not.toContain('DOE');
    expect(JSON.stringify(classify(refused, 'fhir').message)).not.toContain('DOE');
    expect(JSON.stringify(classify(new MultipleMatches('DOE 1', []), 'fhir'))).not.toContain('DOE');
  });

  test('a JSON error, which quotes what it read, leaves only its place in the code', () => {
    let failure: Failure | undefined;
    try {
      JSON.parse('DOE^JOHN');
    } catch (error) {
      failure = classify(error, 'fhir');
    }
    expect(failure?.message).toMatch(/^SyntaxError\n\s+at /);
    expect(failure?.message).not.toContain('DOE');
  });

  test('a defect keeps its stack, without the query strings of its text', () => {
    const { message } = classify(new Error('GET http://fhir/Patient?name=DOE failed'), 'fhir');
    expect(message).toMatch(/^Error: GET http:\/\/fhir\/Patient\?\[redacted\] failed\n\s+at .*classify\.test/);
  });
});
