import { z } from 'zod';
import {
  createContainerBody,
  listQuery,
  payloadPath,
  payloadQuery,
  reportQuery,
  restoreBody,
  runPath,
  startBody,
} from '../reconcileRequests';
import {
  containerAnswer,
  findingAnswer,
  payloadsAnswer,
  restoreAnswer,
  runAnswer,
  runsAnswer,
  startedRunAnswer,
} from './reconcileAnswers';
import { json, problem, type RouteDescription, wrongBody, wrongInput } from './route';

const storageDown = {
  502: problem('The storage account of this app does not answer, or refuses; title says why.'),
} as const;
const payloadsDown = {
  502: problem(
    'The database of the FHIR server, or the storage account or container of the payloads, does not answer, or refuses; title says why.',
  ),
} as const;
const noRun = { 404: problem('There is no such run.') } as const;
const location = { location: 'URL of the run.' } as const;
const onePayload = z.unknown().describe('The payload as it is stored: a FHIR resource.');

const readPayload = { function: 'read-payload', method: 'get', tag: 'Reconcile', query: payloadQuery } as const;

export const reconcileRoutes: readonly RouteDescription[] = [
  {
    function: 'start-reconcile',
    method: 'post',
    path: '/reconcile',
    tag: 'Reconcile',
    summary: 'Starts a run that finds orphaned payloads, and removes them where dryRun is false.',
    body: { schema: startBody, required: false },
    answers: {
      200: { ...json('The run has ended within the time that wait gives.', runAnswer), headers: location },
      202: {
        ...json('The run goes on.', startedRunAnswer),
        headers: { ...location, 'retry-after': 'Seconds until it is worth asking.' },
      },
      ...wrongBody,
      ...storageDown,
    },
  },
  {
    function: 'list-reconcile-runs',
    method: 'get',
    path: '/reconcile',
    tag: 'Reconcile',
    summary: 'The runs, newest first.',
    query: listQuery,
    answers: { 200: json('A page of runs.', runsAnswer), ...wrongInput, ...storageDown },
  },
  {
    function: 'read-reconcile-run',
    method: 'get',
    path: '/reconcile/{runId}',
    tag: 'Reconcile',
    summary: 'State, totals, rate and continuation token of a run.',
    parameters: runPath,
    answers: { 200: json('The run as it is now.', runAnswer), ...wrongInput, ...noRun, ...storageDown },
  },
  {
    function: 'read-reconcile-report',
    method: 'get',
    path: '/reconcile/{runId}/report',
    tag: 'Reconcile',
    summary: 'The findings of a run, one on each line.',
    parameters: runPath,
    query: reportQuery,
    answers: {
      200: {
        description: 'Findings, with outcomes where the sweep has been. The schema is that of one line.',
        content: { 'application/x-ndjson': findingAnswer },
        headers: {
          'x-continuation-token': 'There is more: ask for it with this token.',
          link: 'There is more: rel="next" leads to it.',
        },
      },
      ...wrongInput,
      ...noRun,
      ...storageDown,
    },
  },
  {
    function: 'cancel-reconcile',
    method: 'post',
    path: '/reconcile/{runId}/cancel',
    tag: 'Reconcile',
    summary: 'Ends a run after what it is doing now. One that has ended stays as it is.',
    parameters: runPath,
    answers: { 202: json('The run as it is now.', runAnswer), ...wrongInput, ...noRun, ...storageDown },
  },
  {
    function: 'restore-payloads',
    method: 'post',
    path: '/quarantine/restore',
    tag: 'Reconcile',
    summary: 'Brings payloads of a run back from quarantine; never over another payload.',
    body: { schema: restoreBody, required: true },
    answers: { 200: json('What was restored, or would be.', restoreAnswer), ...wrongBody, ...payloadsDown },
  },
  {
    ...readPayload,
    operationId: 'read-payloads-of-resource',
    path: '/payloads/{type}/{id}',
    summary: 'All payloads that are stored of a resource.',
    parameters: payloadPath.pick({ type: true, id: true }),
    answers: { 200: json('At most 100 payloads.', payloadsAnswer), ...wrongInput, ...payloadsDown },
  },
  {
    ...readPayload,
    operationId: 'read-payloads-of-version',
    path: '/payloads/{type}/{id}/{version}',
    summary: 'All payloads that are stored of a version of a resource.',
    parameters: payloadPath.pick({ type: true, id: true, version: true }),
    answers: { 200: json('At most 100 payloads.', payloadsAnswer), ...wrongInput, ...payloadsDown },
  },
  {
    ...readPayload,
    path: '/payloads/{type}/{id}/{version}/{key}',
    summary: 'One payload.',
    parameters: payloadPath,
    answers: {
      200: json('The payload itself.', onePayload),
      ...wrongInput,
      404: problem('There is no payload of this key.'),
      ...payloadsDown,
    },
  },
  {
    function: 'create-payload-container',
    method: 'put',
    path: '/payload-container',
    tag: 'Reconcile',
    summary: 'Creates the container of a store where it is missing.',
    body: { schema: createContainerBody, required: false },
    answers: { 200: json('What was done, or would be.', containerAnswer), ...wrongBody, ...payloadsDown },
  },
];
