import { failureOf, type OpenFhirClient, openFhirClient } from '../../support/fhirClient';
import { useScriptedServer } from '../../support/scriptedServer';

const never = new AbortController().signal;

describe('what a FHIR server says of itself', () => {
  const scripted = useScriptedServer();
  let client: OpenFhirClient;
  beforeEach(() => {
    client = openFhirClient(`${scripted.server.url}/fhir`);
  });
  afterEach(async () => {
    await scripted.server.stop();
    await client.close();
  });

  it('is its version, software and what it can do', async () => {
    scripted.server.replies({
      body: {
        resourceType: 'CapabilityStatement',
        fhirVersion: '4.0.1',
        software: { name: 'Server', version: '8' },
        rest: [
          {
            mode: 'server',
            interaction: [{ code: 'transaction' }],
            resource: [{ type: 'Patient', conditionalCreate: true }],
          },
        ],
      },
    });
    expect(await client.capabilities(never)).toEqual({
      fhirVersion: '4.0.1',
      transaction: true,
      conditionalCreate: true,
      software: 'Server 8',
    });
    expect(scripted.server.requests[0]).toMatchObject({ method: 'GET', url: '/fhir/metadata' });
  });

  it('may be very little', async () => {
    scripted.server.replies({ body: { resourceType: 'CapabilityStatement', fhirVersion: '5.0.0' } });
    expect(await client.capabilities(never)).toEqual({
      fhirVersion: '5.0.0',
      transaction: false,
      conditionalCreate: false,
    });
  });

  it.each([
    ['no version', { resourceType: 'CapabilityStatement' }],
    ['another resource', { resourceType: 'Patient' }],
    ['a page for people', '<html></html>'],
  ])('cannot be read from %s', async (_, body) => {
    scripted.server.replies({ body });
    expect(await failureOf(client.capabilities(never))).toMatchObject({ code: 'InvalidFhirResponse' });
  });
});
