import { HttpStatusError } from '../http/errors';
import { UnreadableWindow } from './changeFeedClient';

/**
 * Whether an error may be about a single entry of the feed, so that it is worth narrowing down:
 * a body that cannot be read, or a 500 (the service fails the whole page when one entry of it is broken).
 */
export function isEntryTrouble(error: unknown): error is UnreadableWindow | HttpStatusError {
  return error instanceof UnreadableWindow || (error instanceof HttpStatusError && error.status === 500);
}
