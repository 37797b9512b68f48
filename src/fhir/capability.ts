import { z } from 'zod';
import { resourceUrl } from '../http/resourceUrl';
import { type FhirChannel, readJson } from './channel';
import { InvalidFhirResponse } from './errors';

/** What a server says of itself (FHIR R4, capabilitystatement.html), as far as it matters here. */
export interface CapabilitySummary {
  /** Such as 4.0.1. */
  readonly fhirVersion: string;
  /** It takes several changes in one request. */
  readonly transaction: boolean;
  /** It creates at least one type conditionally. */
  readonly conditionalCreate: boolean;
  /** Name and version of the software. */
  readonly software?: string;
}

const capabilitySchema = z.object({
  resourceType: z.literal('CapabilityStatement'),
  fhirVersion: z.string().min(1),
  software: z.object({ name: z.string(), version: z.string().optional() }).optional().catch(undefined),
  rest: z
    .array(
      z.object({
        interaction: z.array(z.object({ code: z.string() })).default([]),
        resource: z.array(z.object({ conditionalCreate: z.boolean().optional().catch(undefined) })).default([]),
      }),
    )
    .default([]),
});

/** Reads the server's CapabilityStatement. @throws InvalidFhirResponse when the answer is none, or names no FHIR version */
export async function readCapabilities(channel: FhirChannel, signal: AbortSignal): Promise<CapabilitySummary> {
  const url = resourceUrl(channel.baseUrl, ['metadata']);
  const response = await channel.send({ kind: 'capabilities', method: 'GET', url, signal });
  const parsed = capabilitySchema.safeParse(readJson('capabilities', response));
  if (!parsed.success) {
    const at = parsed.error.issues[0]?.path.join('.') ?? '';
    throw new InvalidFhirResponse(
      `the server does not describe itself as a FHIR server${at === '' ? '' : ` (at ${at})`}`,
    );
  }
  const { fhirVersion, software, rest } = parsed.data;
  return {
    fhirVersion,
    transaction: rest.some(({ interaction }) =>
      interaction.some(({ code }) => code === 'transaction' || code === 'batch'),
    ),
    conditionalCreate: rest.some(({ resource }) =>
      resource.some(({ conditionalCreate }) => conditionalCreate === true),
    ),
    ...(software !== undefined && {
      software: [software.name, software.version].filter((part) => part !== undefined).join(' '),
    }),
  };
}
