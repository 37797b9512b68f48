import type { CodeableConcept, Identifier } from 'fhir/r4';
import type { IssuerOfIdentifier } from '../dicom/issuer';
import { assignerOf, issuerSystem } from './issuerSystem';
import type { MappingOptions } from './options';
import { DCM_SYSTEM, DICOM_UID_SYSTEM, IDENTIFIER_TYPE_SYSTEM } from './systems';

/** HL7v2 table 0203 codes that the mapping writes itself. */
export type IdentifierTypeCode = 'ACSN' | 'MR' | 'PI' | 'PLAC' | 'FILL' | 'SNO' | 'VN';

const OID_URN = 'urn:oid:';

/** @returns an identifier that holds a UID in the form FHIR prescribes for DICOM UIDs */
export function uidIdentifier(uid: string): Identifier {
  return { system: DICOM_UID_SYSTEM, value: oidUrn(uid) };
}

/** @returns the UID as a URN, the form it has in FHIR */
export function oidUrn(uid: string): string {
  return OID_URN + uid;
}

/** @returns the UID that a URN holds; undefined for any other text */
export function uidOfUrn(urn: string | undefined): string | undefined {
  return urn?.startsWith(OID_URN) === true ? urn.slice(OID_URN.length) : undefined;
}

/** @returns the first UID that these identifiers hold in the form of `uidIdentifier` */
export function uidOf(identifiers: readonly Identifier[] = []): string | undefined {
  return uidOfUrn(identifiers.find(({ system }) => system === DICOM_UID_SYSTEM)?.value);
}

/** @returns the identifier that a study is found by; its type (DCM 110180) is what European imaging profiles ask for */
export function studyIdentifier(uid: string): Identifier {
  return { type: { coding: [{ system: DCM_SYSTEM, code: '110180' }] }, ...uidIdentifier(uid) };
}

/** @returns the type of an identifier, from HL7v2 table 0203 */
export function identifierType(code: string): CodeableConcept {
  return { coding: [{ system: IDENTIFIER_TYPE_SYSTEM, code }] };
}

/** @returns an accession number under the system of its issuer, else the configured one, else none */
export function accessionIdentifier(
  value: string,
  issuer: IssuerOfIdentifier | undefined,
  options: MappingOptions,
): Identifier {
  const type = {
    coding: [
      { system: IDENTIFIER_TYPE_SYSTEM, code: 'ACSN' },
      { system: DCM_SYSTEM, code: '121022' },
    ],
  };
  return issuedIdentifier(value, type, issuer, issuerSystem(issuer, options, options.accessionSystem));
}

/** @returns an identifier of an order, admission, specimen or device, under the system of its issuer */
export function typedIdentifier(
  value: string,
  code: IdentifierTypeCode,
  issuer: IssuerOfIdentifier | undefined,
  options: MappingOptions,
): Identifier {
  return issuedIdentifier(value, identifierType(code), issuer, issuerSystem(issuer, options));
}

/** @returns an identifier of these parts, without those that are undefined; the raw issuer is always kept */
export function issuedIdentifier(
  value: string,
  type: CodeableConcept | undefined,
  issuer: IssuerOfIdentifier | undefined,
  system: string | undefined,
): Identifier {
  const assigner = assignerOf(issuer);
  return {
    ...(type === undefined ? {} : { type }),
    ...(system === undefined ? {} : { system }),
    value,
    ...(assigner === undefined ? {} : { assigner }),
  };
}

/** @returns text that is equal for identifiers that a FHIR search by identifier cannot tell apart */
export function identifierKey({ system, value }: Identifier): string {
  return JSON.stringify([system ?? '', value ?? '']);
}

/** @returns whether two identifiers name the same thing: system and value are equal, whatever else they carry */
export function sameIdentifier(one: Identifier, other: Identifier): boolean {
  return one.system === other.system && one.value === other.value;
}
