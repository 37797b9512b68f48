import { type DicomJson, type DicomJsonElement, Tag } from './dicomJson';
import type { StoreOutcome } from './instanceStore';
import { dicomJsonReply, emptyReply, type Reply } from './reply';

/**
 * The answer to a store request (PS3.18 10.5.3): 200 all stored, 202 some, 409 none, 204 nothing was sent.
 * `studiesUrl` is the address of the partition's studies.
 */
export function storeReply(outcomes: readonly StoreOutcome[], studiesUrl: string, studyUid: string | undefined): Reply {
  if (outcomes.length === 0) return emptyReply(204);
  const stored = outcomes.filter((outcome) => outcome.kind === 'stored');
  const rejected = outcomes.filter((outcome) => outcome.kind === 'rejected');
  const dataset: Record<string, DicomJsonElement> = {};
  if (studyUid !== undefined && stored.length > 0) dataset[Tag.RetrieveURL] = url(`${studiesUrl}/${studyUid}`);
  if (rejected.length > 0) dataset[Tag.FailedSOPSequence] = { vr: 'SQ', Value: rejected.map(rejectedItem) };
  if (stored.length > 0) {
    dataset[Tag.ReferencedSOPSequence] = { vr: 'SQ', Value: stored.map((one) => storedItem(one, studiesUrl)) };
  }
  const status = rejected.length === 0 ? 200 : stored.length > 0 ? 202 : 409;
  return dicomJsonReply(status, dataset);
}

function storedItem({ key, sopClassUid }: StoreOutcome & { kind: 'stored' }, studiesUrl: string): DicomJson {
  const { studyUid, seriesUid, instanceUid } = key;
  return {
    [Tag.ReferencedSOPClassUID]: uid(sopClassUid),
    [Tag.ReferencedSOPInstanceUID]: uid(instanceUid),
    [Tag.RetrieveURL]: url(`${studiesUrl}/${studyUid}/series/${seriesUid}/instances/${instanceUid}`),
  };
}

function rejectedItem({ sopClassUid, instanceUid, failureReason }: StoreOutcome & { kind: 'rejected' }): DicomJson {
  return {
    ...(sopClassUid === undefined ? {} : { [Tag.ReferencedSOPClassUID]: uid(sopClassUid) }),
    ...(instanceUid === undefined ? {} : { [Tag.ReferencedSOPInstanceUID]: uid(instanceUid) }),
    [Tag.FailureReason]: { vr: 'US', Value: [failureReason] },
  };
}

function uid(value: string): DicomJsonElement {
  return { vr: 'UI', Value: [value] };
}

function url(value: string): DicomJsonElement {
  return { vr: 'UR', Value: [value] };
}
