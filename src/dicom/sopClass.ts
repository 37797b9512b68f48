/** @returns whether the SOP class is one of structured reports (PS3.4 Annex B) */
export function isStructuredReportClass(sopClassUid: string): boolean {
  return sopClassUid.startsWith('1.2.840.10008.5.1.4.1.1.88.');
}
