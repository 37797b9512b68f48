import type { Endpoint } from 'fhir/r4';
import { type LocalFhirServer, startFhirServer } from '../../../local/fhir';
import { createFhirClient } from '../../../src/fhir/client';
import { createHttpClient } from '../../../src/http/httpClient';
import { castSource } from '../../../src/mapping/source';
import { endpoints, type Endpoints } from '../../../src/study/endpoints';

const signal = new AbortController().signal;
const SOURCE = castSource('https://dicom.example', 'v2', 'Microsoft.Default');
const WARD = castSource('https://dicom.example', 'v2', 'ward');

describe('the Endpoint of a source', () => {
  let fhir: LocalFhirServer;
  let stop: () => Promise<void>;
  /** As a process of its own sees the server. */
  let process: () => Endpoints;

  const start = async (switches: 'good' | 'worst' = 'good'): Promise<void> => {
    fhir = await startFhirServer({ switches });
    const http = createHttpClient({ origin: new URL(fhir.url).origin, timeoutMs: 10_000, maxConnections: 8 });
    process = () => endpoints(createFhirClient({ http, baseUrl: fhir.url }));
    stop = async () => {
      await http.close();
      await fhir.stop();
    };
  };
  afterEach(() => stop());

  const all = (): readonly Endpoint[] => fhir.all<Endpoint>('Endpoint');

  it('is created once, asked for once per process, and one for each partition', async () => {
    await start();
    const own = process();
    const [first, again, ward] = [
      await own.reference(SOURCE, signal),
      await own.reference(SOURCE, signal),
      await own.reference(WARD, signal),
    ];
    expect(again).toEqual(first);
    expect(ward).not.toEqual(first);
    expect(
      all()
        .map(({ address }) => address)
        .sort(),
    ).toEqual([SOURCE.address, WARD.address].sort());
    const asked = fhir.requests.counts();
    await own.reference(SOURCE, signal);
    expect(fhir.requests.counts()).toEqual(asked);
    expect(await process().reference(SOURCE, signal)).toEqual(first);
    expect(fhir.writes).toBe(2);
  });

  it('is asked for once by studies that want it at the same time', async () => {
    await start();
    const own = process();
    const references = await Promise.all(Array.from({ length: 5 }, () => own.reference(SOURCE, signal)));
    expect(new Set(references.map(({ reference }) => reference)).size).toBe(1);
    expect(fhir.writes).toBe(1);
  });

  it('that the old DICOM Cast made for the same address is adopted: it gets what it lacks, and nothing else changes', async () => {
    await start();
    const old = fhir.put<Endpoint>({
      resourceType: 'Endpoint',
      status: 'active',
      name: `DICOM WADO-RS endpoint ${SOURCE.address}`,
      connectionType: {
        system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
        code: 'dicom-wado-rs',
      },
      payloadType: [{ text: 'DICOM WADO-RS' }],
      payloadMimeType: ['application/dicom'],
      address: `${SOURCE.address}/`,
      managingOrganization: { display: 'Radiology' },
    });
    expect(await process().reference(SOURCE, signal)).toMatchObject({ reference: `Endpoint/${old.id ?? ''}` });
    expect(all()).toMatchObject([
      {
        id: old.id,
        address: SOURCE.address,
        identifier: [{ value: SOURCE.address }],
        managingOrganization: { display: 'Radiology' },
      },
    ]);
    await process().reference(SOURCE, signal);
    expect(fhir.writes).toBe(1);
  });

  it('is not one of the same name for another address', async () => {
    await start();
    const other = fhir.put<Endpoint>({
      resourceType: 'Endpoint',
      status: 'active',
      name: `DICOM WADO-RS endpoint ${SOURCE.address}`,
      connectionType: { code: 'dicom-wado-rs' },
      payloadType: [{ text: 'DICOM WADO-RS' }],
      address: 'https://elsewhere.example/v2',
    });
    expect((await process().reference(SOURCE, signal)).reference).not.toBe(`Endpoint/${other.id ?? ''}`);
    expect(all()).toHaveLength(2);
  });

  it('is the same for all processes, also where several made one at the same time', async () => {
    await start('worst');
    const made = await Promise.all([process(), process(), process()].map((own) => own.reference(SOURCE, signal)));
    expect(all().length).toBeGreaterThan(1);
    const lowest = Math.min(...all().map(({ id }) => Number(id)));
    const later = await Promise.all([process(), process()].map((own) => own.reference(SOURCE, signal)));
    for (const { reference } of later) expect(reference).toBe(`Endpoint/${lowest}`);
    expect(made.every(({ reference }) => all().some(({ id }) => reference === `Endpoint/${id ?? ''}`))).toBe(true);
  });

  it('is made anew after somebody deleted it, once it is forgotten', async () => {
    await start();
    const own = process();
    const { reference = '' } = await own.reference(SOURCE, signal);
    await fetch(`${fhir.url}/${reference}`, { method: 'DELETE' });
    expect((await own.reference(SOURCE, signal)).reference).toBe(reference);
    own.forget(SOURCE);
    expect((await own.reference(SOURCE, signal)).reference).not.toBe(reference);
    expect(all()).toHaveLength(1);
  });

  it('is looked for again after a failure, and one study that is stopped does not fail the others', async () => {
    await start();
    const own = process();
    fhir.intercept = () => ({ status: 503 });
    await expect(own.reference(SOURCE, signal)).rejects.toBeDefined();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const arrived = new Promise<void>((resolve) => {
      fhir.intercept = () => {
        resolve();
        fhir.intercept = undefined;
        return { beforeReply: () => held };
      };
    });
    const stopping = new AbortController();
    const first = own.reference(SOURCE, stopping.signal);
    const second = own.reference(SOURCE, signal);
    await arrived;
    stopping.abort();
    release();
    await expect(first).rejects.toBeDefined();
    expect((await second).type).toBe('Endpoint');
  });
});
