import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type DicomJson, isDicomJson } from './dicomJson';
import type { InstanceStore } from './instanceStore';
import { isUid } from './storable';
import { RequestRefused } from './reply';

/** A long-running operation; here it has always ended. */
export interface Operation {
  readonly operationId: string;
  readonly type: 'update';
  readonly createdTime: string;
  readonly lastUpdatedTime: string;
  readonly status: 'completed' | 'failed';
  readonly percentComplete: 100;
  readonly results: {
    readonly studyUpdated: number;
    readonly studyFailed?: number;
    readonly instanceUpdated: number;
    readonly errors?: readonly string[];
  };
}

const MAX_STUDIES = 50;

/** Patient identification, patient demographic and general study attributes that are no sequences (documentation of bulk update). */
const UPDATABLE_TAGS: ReadonlySet<string> = new Set(
  `00080050 00080090 00081030 00100010 00100020 00100021 00100022 00100030 00100032 00100040 00100200 00101000 00101001
   00101005 00101010 00101020 00101030 00101040 00101060 00101080 00101081 00101090 00102150 00102152 00102154 00102160
   00102180 001021F0 00102201 00102292 00102295 00102297 00102298 00102299 00104000 00403001`.split(/\s+/),
);

const UpdateSpecification = z.object({
  studyInstanceUids: z.array(z.string().refine(isUid)).min(1).max(MAX_STUDIES),
  changeDataset: z.custom<DicomJson>(isDicomJson).refine((dataset) => Object.keys(dataset).length > 0),
});

/** `POST /studies/$bulkUpdate`: applies the changes at once. @throws {RequestRefused} for a body that the service rejects */
export function bulkUpdate(store: InstanceStore, partition: string, body: string, now: () => number): Operation {
  const { studyInstanceUids, changeDataset } = parseSpecification(body);
  const createdTime = new Date(now()).toISOString();
  const counts = studyInstanceUids.map((studyUid) => store.update(studyUid, changeDataset, partition));
  const missing = studyInstanceUids.filter((_uid, index) => counts[index] === 0);
  const results = {
    studyUpdated: counts.length - missing.length,
    instanceUpdated: counts.reduce((sum, count) => sum + count, 0),
    ...(missing.length === 0 ? {} : { studyFailed: missing.length, errors: missing.map(failureText) }),
  };
  return {
    operationId: randomUUID().replaceAll('-', ''),
    type: 'update',
    createdTime,
    lastUpdatedTime: new Date(now()).toISOString(),
    status: missing.length === 0 ? 'completed' : 'failed',
    percentComplete: 100,
    results,
  };
}

function parseSpecification(body: string): z.infer<typeof UpdateSpecification> {
  const parsed = UpdateSpecification.safeParse(jsonOf(body));
  if (!parsed.success)
    throw new RequestRefused(400, 'The update specification needs studyInstanceUids (1 to 50) and changeDataset.');
  const refused = Object.keys(parsed.data.changeDataset).filter((tag) => !UPDATABLE_TAGS.has(tag.toUpperCase()));
  if (refused.length > 0) throw new RequestRefused(400, `These attributes cannot be updated: ${refused.join(', ')}.`);
  return parsed.data;
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new RequestRefused(400, 'The body is no JSON.');
  }
}

function failureText(studyUid: string): string {
  return `Failed to update instances for study ${studyUid}`;
}
