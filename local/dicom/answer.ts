import { bulkUpdate, type Operation } from './bulkUpdate';
import { type Query, readChangeFeed, readLatestChange } from './changeFeedApi';
import type { InstanceHistory } from './changeFeed';
import { FailureReason, type InstanceStore, type StoreOutcome } from './instanceStore';
import { isUid } from './storable';
import { dicomTextReply, emptyReply, jsonReply, type Reply, RequestRefused, textReply } from './reply';
import type { Route } from './route';
import { search, type SearchLevel } from './search';
import { submissionsOf } from './storeRequest';
import { storeReply } from './storeResponse';

/** A request as the service understands it. */
export interface DicomRequest extends Route {
  readonly method: string;
  readonly path: string;
  /** By lower-case name; of a repeated parameter the last value, except `includefield`. */
  readonly query: Query;
  readonly includeFields: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What the service knows. */
export interface ServiceState {
  readonly store: InstanceStore;
  readonly operations: Map<string, Operation>;
  readonly defaultPartition: string;
  readonly pascalCase: boolean;
  readonly now: () => number;
}

const PARTITION_NAME = /^[A-Za-z0-9.-]{1,64}$/;

/** Answers one request, synchronously: whatever it changes is complete when this returns. */
export function answer(state: ServiceState, request: DicomRequest): Reply {
  try {
    const reply = route(state, request);
    return { ...reply, headers: { 'api-supported-versions': '1.0-prerelease, 1, 2', ...reply.headers } };
  } catch (error) {
    if (error instanceof RequestRefused) return textReply(error.status, error.message);
    throw error;
  }
}

function route(state: ServiceState, request: DicomRequest): Reply {
  checkIdentifiers(request);
  const { store } = state;
  const partition = request.partition ?? state.defaultPartition;
  const feedOptions = { version: request.version, pascalCase: state.pascalCase };
  switch (request.kind) {
    case 'changeFeed':
      return readChangeFeed(store.feed, request.query, feedOptions);
    case 'changeFeedLatest':
      return readLatestChange(store.feed, request.query, feedOptions);
    case 'store':
      return storeInstances(state, request, partition);
    case 'searchStudies':
      return searchLevel(state, request, partition, 'study');
    case 'searchSeries':
      return searchLevel(state, request, partition, 'series');
    case 'searchInstances':
      return searchLevel(state, request, partition, 'instance');
    case 'studyMetadata':
    case 'seriesMetadata':
    case 'instanceMetadata':
      return metadata(state, request, partition);
    case 'deleteStudy':
    case 'deleteSeries':
    case 'deleteInstance':
      return deleteInstances(state, request, partition);
    case 'bulkUpdate':
      return startBulkUpdate(state, request, partition);
    case 'operation':
      return operation(state, request);
    case 'partitions':
      return jsonReply(200, store.partitions.map(partitionJson));
    case 'unknown':
      return textReply(404, 'The requested resource does not exist.');
  }
}

function checkIdentifiers({ partition, studyUid, seriesUid, instanceUid, kind }: DicomRequest): void {
  if (kind === 'unknown') return;
  if (partition !== undefined && !PARTITION_NAME.test(partition)) {
    throw new RequestRefused(400, 'The partition name has characters that are not allowed, or more than 64.');
  }
  for (const [name, uid] of Object.entries({
    StudyInstanceUID: studyUid,
    SeriesInstanceUID: seriesUid,
    SOPInstanceUID: instanceUid,
  })) {
    if (uid !== undefined && !isUid(uid))
      throw new RequestRefused(400, `The ${name} in the address is not a valid UID.`);
  }
}

function checkPartitionExists({ store }: ServiceState, partition: string): void {
  if (!store.hasPartition(partition)) throw new RequestRefused(404, 'The specified partition does not exist.');
}

function storeInstances(state: ServiceState, request: DicomRequest, partition: string): Reply {
  const submissions = submissionsOf(request.headers['content-type'] ?? '', request.body);
  const outcomes = submissions.map((dataset) =>
    dataset === undefined ? UNREADABLE : state.store.store(dataset, partition, request.studyUid),
  );
  return storeReply(outcomes, `${partitionAddress(request)}/studies`, request.studyUid);
}

const UNREADABLE: StoreOutcome = {
  kind: 'rejected',
  sopClassUid: undefined,
  instanceUid: undefined,
  failureReason: FailureReason.processingFailure,
  comment: 'The bytes cannot be read as DICOM',
};

function searchLevel(state: ServiceState, request: DicomRequest, partition: string, level: SearchLevel): Reply {
  checkPartitionExists(state, partition);
  const { studyUid, seriesUid } = request;
  const scope = { level, partition, ...(studyUid && { studyUid }), ...(seriesUid && { seriesUid }) };
  return search(state.store, scope, request.query, request.includeFields);
}

function metadata(state: ServiceState, request: DicomRequest, partition: string): Reply {
  checkPartitionExists(state, partition);
  const instances = requestedInstances(state, request, partition);
  if (instances.length === 0) return textReply(404, 'The specified study, series or instance does not exist.');
  if (instances.some((instance) => instance.metadataLost))
    return textReply(500, 'The server encountered an internal error');
  const etag = etagOf(instances);
  if (request.headers['if-none-match'] === etag) return { ...emptyReply(304), headers: { etag } };
  const texts = instances.map((instance) => instance.current?.metadataText ?? '{}');
  const reply = dicomTextReply(200, `[${texts.join(',')}]`);
  return { ...reply, headers: { ...reply.headers, etag } };
}

function etagOf(instances: readonly InstanceHistory[]): string {
  const newest = instances.reduce((max, { current }) => Math.max(max, current?.watermark ?? 0), 0);
  return `"${newest}-${instances.length}"`;
}

function deleteInstances(state: ServiceState, request: DicomRequest, partition: string): Reply {
  checkPartitionExists(state, partition);
  const { studyUid = '', seriesUid, instanceUid } = request;
  const deleted = state.store.delete(partition, studyUid, seriesUid, instanceUid);
  return deleted === 0 ? textReply(404, 'The specified study, series or instance does not exist.') : emptyReply(204);
}

function requestedInstances(
  { store }: ServiceState,
  request: DicomRequest,
  partition: string,
): readonly InstanceHistory[] {
  return store.instancesOf(partition, request.studyUid ?? '', request.seriesUid, request.instanceUid);
}

function startBulkUpdate(state: ServiceState, request: DicomRequest, partition: string): Reply {
  if (request.version !== 'v2') return textReply(404, 'The requested resource does not exist.');
  checkPartitionExists(state, partition);
  const done = bulkUpdate(state.store, partition, request.body.toString('utf8'), state.now);
  state.operations.set(done.operationId, done);
  const href = `${originOf(request)}/${request.version}/operations/${done.operationId}`;
  const reply = jsonReply(202, { id: done.operationId, href });
  return { ...reply, headers: { ...reply.headers, location: href } };
}

function operation({ operations }: ServiceState, { operationId = '' }: DicomRequest): Reply {
  const found = operations.get(operationId);
  return found === undefined ? textReply(404, 'The specified operation does not exist.') : jsonReply(200, found);
}

function partitionJson(partition: InstanceStore['partitions'][number]): Record<string, unknown> {
  return { partitionKey: partition.key, partitionName: partition.name, createdDate: partition.createdDate };
}

function originOf(request: DicomRequest): string {
  return `http://${request.headers.host ?? 'localhost'}`;
}

function partitionAddress(request: DicomRequest): string {
  const partition = request.partition === undefined ? '' : `/partitions/${request.partition}`;
  return `${originOf(request)}/${request.version}${partition}`;
}
