/** The DICOM service reported success, but its answer is not the JSON array that it should be. */
export class MalformedMetadata extends Error {
  readonly code = 'MalformedMetadata';

  /** @param problem what was expected where; never content of the answer */
  constructor(readonly problem: string) {
    super(`The DICOM service gave an answer that cannot be read: ${problem}`);
    this.name = 'MalformedMetadata';
  }
}
