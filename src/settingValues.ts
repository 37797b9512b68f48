import { z } from 'zod';
import { isTimeZone } from './dicom/timeZone';
import { parseJson } from './http/json';
import { assertionAlgorithms } from './identity/clientAssertion';
import { ClientKeyInvalid, readClientKey } from './identity/clientKey';
import { isOid } from './mapping/issuerSystem';

/** The kinds of values that settings have: each says what was expected, and never repeats the value. */

export const flag = (fallback: boolean) =>
  z
    .enum(['true', 'false'], 'expected true or false')
    .default(fallback ? 'true' : 'false')
    .transform((text) => text === 'true');

export const wholeNumber = (fallback: number, minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d{1,12}$/, 'expected a whole number')
    .default(String(fallback))
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, `expected a number from ${minimum} to ${maximum}`)
    .meta({ minimum, maximum });

export const httpUrl = z
  .url({ protocol: /^https?$/, error: 'expected an absolute http(s) URL' })
  .refine((text) => URL.canParse(text) && new URL(text).search === '' && new URL(text).hash === '', {
    error: 'expected a URL without query and fragment',
  })
  .transform((text) => text.replace(/\/+$/, ''));

export const absoluteUri = z
  .string()
  .regex(/^(https?:|urn:)\S+$/, 'expected an absolute URI that starts with http:, https: or urn:');

export const oid = z
  .string()
  .max(64, 'expected an OID of at most 64 characters')
  .refine(isOid, 'expected an OID such as 1.2.3');

export const timeZone = z.string().refine(isTimeZone, { error: 'expected an IANA time zone such as Europe/Berlin' });

export const uriMap = z
  .string()
  .default('{}')
  .transform((text, context): Readonly<Record<string, string>> => {
    const parsed = z.record(z.string(), absoluteUri).safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    context.addIssue({
      code: 'custom',
      message: 'expected a JSON object of absolute URIs, such as {"HOSP":"urn:oid:1.2.3"}',
    });
    return z.NEVER;
  });

export const authentication = z
  .enum(['none', 'managed-identity', 'client-credentials'], 'expected none, managed-identity or client-credentials')
  .default('none');

export const serviceUrl = z.url({ protocol: /^https?$/, error: 'expected an absolute http(s) URL' });

/** APPLICATIONINSIGHTS_AUTHENTICATION_STRING as the host reads it: `Authorization=AAD`, and `ClientId` of a user-assigned identity. */
export const insightsAuthentication = z.string().transform((text, check) => {
  const parts = new Map(
    text.split(';').map((part) => {
      const [name = '', value = ''] = part.split('=').map((side) => side.trim());
      return [name.toLowerCase(), value];
    }),
  );
  if (parts.get('authorization')?.toUpperCase() === 'AAD') return { clientId: parts.get('clientid') };
  check.addIssue({ code: 'custom', message: 'expected Authorization=AAD, and ;ClientId= of a user-assigned identity' });
  return z.NEVER;
});

export const clientCertificate = z.string().superRefine((pem, context) => {
  try {
    readClientKey(pem);
  } catch (error) {
    if (!(error instanceof ClientKeyInvalid)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
  }
});

export const assertionAlgorithm = z
  .enum(assertionAlgorithms, `expected ${assertionAlgorithms.join(', ')}`)
  .default('RS256');
