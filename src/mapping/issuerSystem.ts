import type { Reference } from 'fhir/r4';
import type { IssuerOfIdentifier } from '../dicom/issuer';
import type { MappingOptions } from './options';

/**
 * Finds the identifier system of an issuer: the configured map; the universal entity where its type makes it a URI
 * (HL7v2 table 0301: ISO, URI, UUID); the configured prefix with the local namespace; the fallbacks.
 * Raw text is never a system: validators refuse what is no absolute URI.
 *
 * @param fallback system that counts before the general default, such as that of accession numbers
 */
export function issuerSystem(
  issuer: IssuerOfIdentifier | undefined,
  options: MappingOptions,
  fallback?: string,
): string | undefined {
  return (
    mapped(issuer?.universal?.id, options) ??
    universalSystem(issuer) ??
    mapped(issuer?.local, options) ??
    prefixed(issuer?.local, options) ??
    fallback ??
    options.issuerDefaultSystem
  );
}

/** @returns the issuer in its own words, for `Identifier.assigner` */
export function assignerOf(issuer: IssuerOfIdentifier | undefined): Reference | undefined {
  const display = issuer?.local ?? issuer?.universal?.id;
  return display === undefined ? undefined : { display };
}

const LOWER_CASE_UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @returns whether text can be a system without a validator refusing it */
export function isAbsoluteUri(text: string): boolean {
  if (!/^(https?:\/\/|urn:)[^\s"<>\\^`{|}]+$/i.test(text)) return false;
  const [, namespace, name = ''] = /^urn:(oid|uuid):(.*)$/i.exec(text) ?? [];
  if (namespace === undefined) return true;
  return namespace.toLowerCase() === 'oid' ? isOid(name) : LOWER_CASE_UUID.test(name);
}

/** @returns whether text is an object identifier as `urn:oid:` demands it */
export function isOid(text: string): boolean {
  return /^[0-2](\.(0|[1-9]\d*))+$/.test(text);
}

function universalSystem(issuer: IssuerOfIdentifier | undefined): string | undefined {
  if (issuer?.universal === undefined) return undefined;
  const { id, type } = issuer.universal;
  switch (type) {
    case 'ISO':
      return isOid(id) ? `urn:oid:${id}` : undefined;
    case 'URI':
      return isAbsoluteUri(id) ? id : undefined;
    case 'UUID':
      return LOWER_CASE_UUID.test(id.toLowerCase()) ? `urn:uuid:${id.toLowerCase()}` : undefined;
    default:
      return undefined;
  }
}

function mapped(name: string | undefined, options: MappingOptions): string | undefined {
  if (name === undefined || !Object.hasOwn(options.issuerSystems, name)) return undefined;
  return options.issuerSystems[name];
}

function prefixed(local: string | undefined, options: MappingOptions): string | undefined {
  if (local === undefined || options.issuerPrefix === undefined) return undefined;
  return options.issuerPrefix + encodeURIComponent(local);
}
