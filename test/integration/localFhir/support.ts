import type { Bundle, BundleEntry, FhirResource, ImagingStudy, Patient } from 'fhir/r4';
import { startFhirServer } from '../../../local/fhir';
import type { FhirServerOptions, LocalFhirServer } from '../../../local/fhir';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface Entry {
  readonly create?: FhirResource;
  readonly update?: FhirResource;
  /** `Type/id` */
  readonly remove?: string;
  readonly fullUrl?: string;
  readonly ifNoneExist?: string;
  readonly ifMatch?: string;
}

export interface TestFhir {
  readonly server: LocalFhirServer;
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  raw(method: string, path: string, body: string, headers: Record<string, string>): Promise<Answer>;
  search(type: string, query: string, headers?: Record<string, string>): Promise<Bundle>;
  transaction(entries: readonly Entry[], headers?: Record<string, string>, type?: Bundle['type']): Promise<Answer>;
}

/** A fresh server for each test of the describe block. */
export function startTestServer(options: FhirServerOptions = {}): () => TestFhir {
  let server: LocalFhirServer | undefined;
  beforeEach(async () => {
    server = await startFhirServer(options);
  });
  afterEach(async () => {
    await server?.stop();
  });
  return () => {
    if (!server) {
      throw new Error('The server is not running');
    }
    return clientOf(server);
  };
}

export function clientOf(server: LocalFhirServer): TestFhir {
  const raw: TestFhir['raw'] = async (method, path, body, headers) => {
    const address = path === '' ? server.url : path.startsWith('http') ? path : `${server.url}/${path}`;
    const response = await fetch(address, { method, headers, ...(body === '' ? {} : { body }) });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : (JSON.parse(text) as unknown),
    };
  };
  const request: TestFhir['request'] = (method, path, body, headers = {}) =>
    raw(method, path, body === undefined ? '' : JSON.stringify(body), {
      ...(body === undefined ? {} : { 'content-type': 'application/fhir+json' }),
      ...headers,
    });
  return {
    server,
    raw,
    request,
    search: async (type, query, headers) =>
      (await request('GET', `${type}?${query}`, undefined, headers)).body as Bundle,
    transaction: (entries, headers, type = 'transaction') =>
      request('POST', '', { resourceType: 'Bundle', type, entry: entries.map(toBundleEntry) }, headers),
  };
}

function toBundleEntry({ create, update, remove, fullUrl, ifNoneExist, ifMatch }: Entry): BundleEntry {
  const resource = create ?? update;
  const url = create ? create.resourceType : update ? `${update.resourceType}/${update.id ?? ''}` : (remove ?? '');
  return {
    ...(fullUrl === undefined ? {} : { fullUrl }),
    ...(resource === undefined ? {} : { resource }),
    request: {
      method: create ? 'POST' : update ? 'PUT' : 'DELETE',
      url,
      ...(ifNoneExist === undefined ? {} : { ifNoneExist }),
      ...(ifMatch === undefined ? {} : { ifMatch }),
    },
  };
}

export function patient(value: string, system = 'http://hospital.example'): Patient {
  return { resourceType: 'Patient', identifier: [{ system, value }] };
}

export function study(uid: string, subject: string, instances = 1): ImagingStudy {
  const sopClass = { system: 'urn:ietf:rfc:3986', code: 'urn:oid:1.2.840.10008.5.1.4.1.1.2' };
  const modality = { system: 'http://dicom.nema.org/resources/ontology/DCM', code: 'CT' };
  return {
    resourceType: 'ImagingStudy',
    status: 'available',
    identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${uid}` }],
    subject: { reference: subject },
    started: '2024-01-15T10:00:00+01:00',
    numberOfSeries: 1,
    numberOfInstances: instances,
    series: [
      {
        uid: `${uid}.1`,
        modality,
        numberOfInstances: instances,
        instance: Array.from({ length: instances }, (_, at) => ({
          uid: `${uid}.1.${at + 1}`,
          number: at + 1,
          sopClass,
        })),
      },
    ],
  };
}
