/** A file of the FHIR server cannot be used. The message names the file, the place in it and what was expected, never a value. */
export class InvalidConfiguration extends Error {
  readonly code = 'InvalidConfiguration';
  override readonly name = 'InvalidConfiguration';
  /** @param place path or key in the file; undefined: the file as a whole */
  constructor(
    readonly file: string,
    readonly place: string | undefined,
    readonly problem: string,
  ) {
    super(place === undefined ? `${file}: ${problem}` : `${file}: ${place}: ${problem}`);
  }
}
