/** Warnings of the validator on correct output, each with the reason why it is let through. Anything else fails the run. */
export const ALLOWED_WARNINGS: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  { pattern: /http:\/\/snomed\.info\/(sct|srt)/, reason: 'SNOMED CT is not available offline' },
  { pattern: /http:\/\/loinc\.org/, reason: 'LOINC is not available offline' },
  { pattern: /urn:ietf:rfc:3986/, reason: 'URIs are no code system that a validator could look into' },
  {
    pattern: /identifier-type|v2-0203/,
    reason:
      'Study and accession identifiers also carry the DICOM codes that European imaging and MADO ask for; the binding is extensible',
  },
  {
    pattern: /dicom-cid29|CID ?29|sect_CID_29/i,
    reason: 'R4 binds series.modality to acquisition modalities (extensible); SR, KO, PR and SEG series exist',
  },
  {
    pattern: /RadLex_Playbook/,
    reason: 'The RadLex Playbook, which R4 names for procedure codes, is not available offline',
  },
  {
    pattern: /no system/i,
    reason:
      'Private coding schemes without a UID, and body part terms without a code: a system that is none would be an error',
  },
  {
    pattern: /CodeSystem is unknown and can't be validated: https:\/\/hospital\.example\/codes\//,
    reason: 'The systems that CODE_SYSTEM_BASE makes of private coding schemes are known to their site only',
  },
  {
    pattern: /outside the range of reasonable years/,
    reason: 'A sample was anonymised with the birth date 1111-11-11, which is a date',
  },
];

/** Errors that are the validator's, not ours: its copy of the DICOM codes is older than the standard. */
export const VALIDATOR_GAPS: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  {
    pattern: /Unknown code 'http:\/\/dicom\.nema\.org\/resources\/ontology\/DCM#130745'/,
    reason: 'DCM 130745 (CT DLP Sub-Total) is in PS3.16 Annex D',
  },
];
