import { type SyncState, SyncStateChanged, type SyncStateStore } from '../feed/syncState';
import { BadRequest } from './problem';

export interface CursorRequest {
  /** What the caller believes the cursor to be: guards against setting it over somebody else's work. */
  readonly expected: number;
  readonly sequence: number;
}

/**
 * Sets the change feed cursor by hand, for a DICOM service that was replaced or restored, or to read a stretch again.
 * @throws BadRequest 409 when the cursor is not what the caller expects
 */
export async function setCursor(
  state: SyncStateStore,
  { expected, sequence }: CursorRequest,
  signal: AbortSignal,
): Promise<SyncState> {
  const { etag, ...current } = await state.read(signal);
  if (current.sequence !== expected) throw cursorMoved(current.sequence);
  try {
    await state.write({ ...current, sequence, condition: 'ok', entryTimestamp: undefined }, etag, signal);
  } catch (error) {
    if (error instanceof SyncStateChanged) throw cursorMoved(undefined);
    throw error;
  }
  return { ...current, sequence, condition: 'ok' };
}

function cursorMoved(actual: number | undefined): BadRequest {
  const expected = actual === undefined ? 'the present cursor; it has just moved' : `the present cursor, ${actual}`;
  return new BadRequest('The cursor is not where you expect it', [{ field: 'expected', expected }], 409);
}
