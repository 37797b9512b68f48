import { classify, withServerText, type Dependency, type Failure } from '../../../src/failures/classify';
import { reasonCodes } from '../../../src/failures/errorTypes';
import { suggestedFixes } from '../../../src/failures/suggestedFixes';

/** As the clients throw them: told by their code. */
const coded = (code: string, facts: object = {}): Error => Object.assign(new Error('secret text'), { code, ...facts });
const status = (code: number, facts: object = {}): Error => coded('FhirStatusError', { status: code, ...facts });
const rest = (facts: object): Error => Object.assign(new Error('secret text'), { name: 'RestError', ...facts });
const outcome = (issue: object): object => ({ resourceType: 'OperationOutcome', issue: [issue] });

describe('the table of design 3.3', () => {
  const rows: readonly [string, unknown, Dependency, Partial<Failure> & { errorType?: string }][] = [
    [
      'refused connection',
      coded('ConnectionError', { requestSent: false }),
      'fhir',
      { kind: 'unavailable', reason: 'ConnectionFailed', outcomeUnknown: false },
    ],
    [
      'reset after the request',
      coded('ConnectionError', { requestSent: true }),
      'fhir',
      { kind: 'unavailable', reason: 'ConnectionFailed', outcomeUnknown: true },
    ],
    [
      'DICOM connection',
      coded('ConnectionError', { requestSent: true }),
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
    [
      '403',
      coded('HttpStatusError', { status: 403 }),
      'dicom',
      { kind: 'unavailable', reason: 'AccessDenied', httpStatus: 403 },
    ],
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
      coded('VersionConflict', { status: 409 }),
      'fhir',
      { kind: 'conflict', reason: 'ResourceConflict', httpStatus: 409 },
    ],
    [
      'several matches',
      coded('MultipleMatches', { type: 'Patient', ids: ['1', '2'] }),
      'fhir',
      {
        kind: 'permanent',
        errorType: 'FhirError',
        reason: 'MultipleMatchingResources',
        message: 'More than one Patient on the FHIR server matches the identifier: 1, 2',
      },
    ],
    [
      '412 of several matches',
      status(412, { outcome: outcome({ severity: 'error', code: 'multiple-matches' }) }),
      'fhir',
      { kind: 'permanent', reason: 'MultipleMatchingResources', httpStatus: 412 },
    ],
    [
      '412 of several matches in HAPI',
      status(412, {
        outcome: outcome({
          severity: 'error',
          code: 'processing',
          diagnostics:
            'HAPI-0958: Failed to CREATE resource with match URL "Patient?identifier=4711" because this search matched 2 resources',
        }),
      }),
      'fhir',
      { kind: 'permanent', reason: 'MultipleMatchingResources' },
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
      coded('FhirResourceInvalid', { type: 'ImagingStudy', missing: 'versionId' }),
      'fhir',
      {
        kind: 'permanent',
        errorType: 'FhirError',
        reason: 'FhirResourceValidation',
        message: 'A ImagingStudy that the FHIR server returned has no versionId',
      },
    ],
    [
      'response entry missing',
      coded('InvalidFhirResponse', { problem: 'entry 2 has no response' }),
      'fhir',
      { kind: 'permanent', errorType: 'FhirError', reason: 'InvalidFhirResponse' },
    ],
    [
      'body that is no JSON',
      coded('InvalidFhirResponse', { problem: 'the body is not JSON' }),
      'fhir',
      { kind: 'transient', reason: 'InvalidFhirResponse', outcomeUnknown: true },
    ],
    [
      'DICOM 400',
      coded('HttpStatusError', { status: 400 }),
      'dicom',
      { kind: 'permanent', errorType: 'DicomError', reason: 'DicomRequestRefused' },
    ],
    [
      'DICOM 503',
      coded('HttpStatusError', { status: 503 }),
      'dicom',
      { kind: 'unavailable', reason: 'ServiceUnavailable', dependency: 'dicom' },
    ],
    [
      'malformed metadata',
      coded('MalformedDataset'),
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
    ['lock busy', coded('PatientLockBusy'), 'storage', { kind: 'transient', reason: 'ResourceConflict' }],
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
    expect(JSON.stringify(classify(coded('MultipleMatches', { type: 'DOE 1', ids: [] }), 'fhir'))).not.toContain('DOE');
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
