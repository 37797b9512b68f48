import type { Endpoint, FhirResource, ImagingStudy, OperationOutcome, Patient } from 'fhir/r4';
import { startTestServer, patient, study } from './support';

const loinc = { coding: [{ system: 'http://loinc.org', code: '73569-6' }] };

const endpoint: Endpoint = {
  resourceType: 'Endpoint',
  status: 'active',
  connectionType: { system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type', code: 'dicom-wado-rs' },
  payloadType: [{ text: 'DICOM WADO-RS' }],
  address: 'http://dicom.example/v2',
};

describe('validation', () => {
  const fhir = startTestServer();

  beforeEach(() => {
    fhir().server.put<Patient>({ ...patient('1'), id: 'p' });
  });

  const good = study('1.2', 'Patient/p');
  const series = good.series?.[0];

  it.each<readonly [string, unknown, string]>([
    ['an unknown field', { ...patient('1'), nonsense: 1 }, 'Patient.nonsense'],
    ['a missing status', { ...good, status: undefined }, 'ImagingStudy.status'],
    ['a status that is not in the value set', { ...good, status: 'done' }, 'ImagingStudy.status'],
    ['a gender that is not in the value set', { ...patient('1'), gender: 'M' }, 'Patient.gender'],
    [
      'a use that is not in the value set',
      { ...patient('1'), name: [{ use: 'real', family: 'A' }] },
      'Patient.name.use',
    ],
    ['a time without a zone', { ...good, started: '2024-01-15T10:00:00' }, 'ImagingStudy.started'],
    ['a time without seconds', { ...good, started: '2024-01-15T10:00Z' }, 'ImagingStudy.started'],
    ['a date in another form', { ...patient('1'), birthDate: '15.01.1980' }, 'Patient.birthDate'],
    ['a day that does not exist', { ...patient('1'), birthDate: '2023-02-30' }, 'Patient.birthDate'],
    ['an identifier system that is not absolute', { ...patient('1', 'hospital') }, 'Patient.identifier.system'],
    ['a malformed OID as system', { ...patient('1', 'urn:oid:1.02.3') }, 'Patient.identifier.system'],
    [
      'a bare DCM as coding system',
      { ...good, modality: [{ system: 'DCM', code: 'CT' }] },
      'ImagingStudy.modality.system',
    ],
    ['an empty string', { ...patient('1'), name: [{ family: '' }] }, 'Patient.name.family'],
    ['a blank string', { ...good, description: ' ' }, 'ImagingStudy.description'],
    ['blanks at an end', { ...good, description: 'Chest ' }, 'ImagingStudy.description'],
    ['a control character', { ...good, description: 'A\u0000B' }, 'ImagingStudy.description'],
    ['an empty array', { ...patient('1'), name: [] }, 'Patient.name'],
    ['an empty object', { ...patient('1'), maritalStatus: {} }, 'Patient.maritalStatus'],
    ['null', { ...patient('1'), birthDate: null }, 'Patient.birthDate'],
    ['an object where a list belongs', { ...patient('1'), name: { family: 'A' } }, 'Patient.name'],
    ['a negative count', { ...good, numberOfInstances: -1 }, 'ImagingStudy.numberOfInstances'],
    ['a series without uid', { ...good, series: [{ ...series, uid: undefined }] }, 'ImagingStudy.series.uid'],
    ['a URN as series uid', { ...good, series: [{ ...series, uid: 'urn:oid:1.2' }] }, 'ImagingStudy.series.uid'],
    ['a MIME type of one part', { ...endpoint, payloadMimeType: ['dicom'] }, 'Endpoint.payloadMimeType'],
    [
      'a relative address as URI identifier',
      { ...endpoint, identifier: [{ system: 'urn:ietf:rfc:3986', value: 'd.example/v2' }] },
      'Endpoint.identifier',
    ],
    [
      'a coded quantity without system',
      { resourceType: 'Observation', status: 'final', code: loinc, valueQuantity: { value: 1, code: 'mGy' } },
      'Observation.valueQuantity',
    ],
    [
      'a SOP class without system',
      { ...good, series: [{ ...series, instance: [{ uid: '1.2.1', sopClass: { code: 'urn:oid:1.2' } }] }] },
      'ImagingStudy.series.instance.sopClass',
    ],
    [
      'two values of one choice',
      { resourceType: 'Observation', status: 'final', code: loinc, valueInteger: 1, valueString: 'x' },
      'Observation.value[x]',
    ],
    [
      'a contact system that is not in the value set',
      { ...patient('1'), telecom: [{ system: 'pigeon', value: '1' }] },
      'Patient.telecom.system',
    ],
  ])('refuses %s and says where', async (_, resource, expression) => {
    const { resourceType } = resource as FhirResource;
    const answer = await fhir().request('POST', resourceType, resource);
    expect(answer.status).toBe(422);
    const where = (answer.body as OperationOutcome).issue.flatMap((issue) => issue.expression ?? []);
    expect(where.map((path) => path.replace(/\[\d+\]/g, ''))).toContain(expression);
    expect((await fhir().transaction([{ create: resource as FhirResource }])).status).toBe(422);
    expect(fhir().server.writes).toBe(0);
  });

  it('refuses a reference to a contained resource that is not there', async () => {
    expect(
      (await fhir().request('POST', 'ImagingStudy', { ...good, endpoint: [{ reference: '#missing' }] })).status,
    ).toBe(400);
  });

  it.each<readonly [string, FhirResource]>([
    ['an endpoint', endpoint],
    [
      'a reference to a contained resource',
      { ...good, contained: [{ ...endpoint, id: 'e' }], endpoint: [{ reference: '#e' }] },
    ],
    ['partial dates', { ...good, started: '2024-01' }],
    ['a leap day', { ...patient('1'), birthDate: '2024-02-29' }],
    ['texts that look like dates', { ...good, description: '2024-01-15T10:00 repeat' }],
    ['telephone numbers', { ...patient('1'), telecom: [{ system: 'phone', use: 'home', value: '1' }] }],
    [
      'names in three scripts',
      { ...patient('1'), name: [{ family: 'Yamada' }, { family: '山田' }, { family: 'やまだ' }] },
    ],
    [
      'a data absent reason',
      { resourceType: 'Observation', status: 'final', code: loinc, dataAbsentReason: { text: 'unknown' } },
    ],
    [
      'an extension instead of a value',
      {
        ...patient('1'),
        _birthDate: {
          extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }],
        },
      },
    ],
  ])('takes %s', async (_, resource) => {
    const answer = await fhir().request('POST', resource.resourceType, resource);
    expect([answer.status, answer.body]).toEqual([
      201,
      expect.objectContaining({ resourceType: resource.resourceType }),
    ]);
  });
});

describe('validation switched off', () => {
  const fhir = startTestServer({ switches: { validation: false } });

  it('takes anything that is a resource', async () => {
    const odd = { resourceType: 'ImagingStudy', subject: { reference: 'Patient/nowhere' } } as ImagingStudy;
    expect((await fhir().request('POST', 'ImagingStudy', odd)).status).toBe(201);
  });
});
