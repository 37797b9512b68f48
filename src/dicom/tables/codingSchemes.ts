/**
 * Coding schemes of DICOM PS3.16 Table 8-1 (2026b) that have a UID or a system that FHIR names: designator, UID, URI.
 * Designators and UIDs: CodeSystem-ControlledTerminologyDefinitions of github.com/bvdh/dicom-terminology-in-fhir
 * (CC0), which is generated from the standard. URIs: FHIR R4 "Code Systems" page and terminology.hl7.org.
 * A scheme without a URI of its own is named by its UID.
 */
const rows: readonly (readonly [designator: string, uid: string, uri?: string])[] = [
  ['ACR', '2.16.840.1.113883.6.76'],
  ['ASTM-sigpurpose', '1.2.840.10065.1.12', 'urn:iso-astm:E1762-95:2013'],
  ['C4', '2.16.840.1.113883.6.12', 'http://www.ama-assn.org/go/cpt'],
  ['C5', '2.16.840.1.113883.6.82'],
  ['caDSR', '2.16.840.1.113883.3.26.2'],
  ['CD2', '2.16.840.1.113883.6.13'],
  ['CTV3', '2.16.840.1.113883.6.6'],
  ['DC', '1.2.840.10008.2.16.10'],
  ['DCM', '1.2.840.10008.2.16.4', 'http://dicom.nema.org/resources/ontology/DCM'],
  ['DCMUID', '1.2.840.10008.2.6.1'],
  ['FMA', '2.16.840.1.113883.6.119'],
  ['HPC', '2.16.840.1.113883.6.14'],
  ['I10', '2.16.840.1.113883.6.3', 'http://hl7.org/fhir/sid/icd-10'],
  ['I10C', '2.16.840.1.113883.6.90', 'http://hl7.org/fhir/sid/icd-10-cm'],
  ['I10P', '2.16.840.1.113883.6.4', 'http://www.cms.gov/Medicare/Coding/ICD10'],
  ['I11', '1.2.840.10008.2.16.16'],
  ['I9', '2.16.840.1.113883.6.42'],
  ['I9C', '2.16.840.1.113883.6.2', 'http://hl7.org/fhir/sid/icd-9-cm'],
  ['ICDO3', '2.16.840.1.113883.6.43.1', 'http://terminology.hl7.org/CodeSystem/icd-o-3'],
  ['IBSI', '1.2.840.10008.2.16.13'],
  ['ISO639_1', '2.16.840.1.113883.6.99'],
  ['ISO639_2', '2.16.840.1.113883.6.100'],
  ['ISO3166_1', '2.16.1', 'urn:iso:std:iso:3166'],
  ['ITIS_TSN', '1.2.840.10008.2.16.7', 'https://www.itis.gov/'],
  ['LN', '2.16.840.1.113883.6.1', 'http://loinc.org'],
  ['MA', '1.2.840.10008.2.16.5'],
  ['MAYOASRG', '1.2.840.10008.2.16.12'],
  ['MDC', '2.16.840.1.113883.6.24', 'urn:iso:std:iso:11073:10101'],
  ['MGI', '1.2.840.10008.2.16.8'],
  ['MSH', '2.16.840.1.113883.6.177'],
  ['NBD', '2.16.840.1.113883.15.2'],
  ['NBG', '2.16.840.1.113883.15.3'],
  ['NCIt', '2.16.840.1.113883.3.26.1.1', 'http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl'],
  ['NDC', '2.16.840.1.113883.6.69', 'http://hl7.org/fhir/sid/ndc'],
  ['NEU', '2.16.840.1.113883.6.210'],
  ['NICIP', '2.16.840.1.113883.2.1.3.2.4.21'],
  ['NYUMCCG', '1.2.840.10008.2.16.11'],
  ['PATHLEX', '1.3.6.1.4.1.19376.1.8.2.1'],
  ['POS', '2.16.840.1.113883.6.50'],
  ['PUBCHEM_CID', '1.2.840.10008.2.16.9'],
  ['RADLEX', '2.16.840.1.113883.6.256', 'http://www.radlex.org'],
  ['RADELEMENT', '1.2.840.10008.2.16.15'],
  ['RFC3066', '2.16.840.1.113883.6.121', 'urn:ietf:bcp:47'],
  ['RFC5646', '2.16.840.1.113883.6.316', 'urn:ietf:bcp:47'],
  ['RO', '1.2.840.10008.2.16.14'],
  ['RRID', '1.2.840.10008.2.16.18'],
  ['RXNORM', '2.16.840.1.113883.6.88', 'http://www.nlm.nih.gov/research/umls/rxnorm'],
  ['99SDM', '2.16.840.1.113883.6.53'],
  ['SNM3', '2.16.840.1.113883.6.51'],
  ['SCT', '2.16.840.1.113883.6.96', 'http://snomed.info/sct'],
  ['UBERON', '1.2.840.10008.2.16.6'],
  ['UCUM', '2.16.840.1.113883.6.8', 'http://unitsofmeasure.org'],
  ['UMLS', '2.16.840.1.113883.6.86', 'http://terminology.hl7.org/CodeSystem/umls'],
  ['UNS', '1.2.840.10008.2.16.17'],
  ['UPC', '2.16.840.1.113883.6.55'],
];

/** What devices write instead, and designators that Table 8-1 gives no UID of their own. */
const ALIASES: Readonly<Record<string, string>> = { UCM: 'UCUM', LOINC: 'LN', CPT4: 'C4', IETF4646: 'RFC5646' };

/** One coding scheme: its designator in DICOM and its system in FHIR. */
export interface CodingScheme {
  readonly designator: string;
  readonly uid?: string;
  readonly system: string;
}

/**
 * The standard gives SRT the UID of SNOMED CT, but an identifier such as `T-D0010` is no SNOMED CT code. Those that
 * cannot be replaced keep a system of their own.
 */
const RETIRED_SNOMED: CodingScheme = { designator: 'SRT', system: 'http://snomed.info/srt' };

const schemes: readonly CodingScheme[] = rows.map(([designator, uid, uri]) => ({
  designator,
  uid,
  system: uri ?? `urn:oid:${uid}`,
}));
const byDesignator = new Map([...schemes, RETIRED_SNOMED].map((scheme) => [scheme.designator.toUpperCase(), scheme]));
const byUid = new Map(schemes.map((scheme) => [scheme.uid, scheme]));

/** @returns the published scheme of a Coding Scheme Designator (0008,0102), or undefined for private ones */
export function codingScheme(designator: string | undefined): CodingScheme | undefined {
  const name = designator?.toUpperCase() ?? '';
  return byDesignator.get(Object.hasOwn(ALIASES, name) ? (ALIASES[name] ?? name) : name);
}

/** @returns the published scheme of a Coding Scheme UID (0008,010C), whatever the object calls it */
export function schemeOfUid(uid: string | undefined): CodingScheme | undefined {
  return uid === undefined ? undefined : byUid.get(uid);
}
