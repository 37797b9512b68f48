/** A service that Cast needs does not work. The message is for a person. */
export class NotReady extends Error {
  readonly code = 'NotReady';
}
