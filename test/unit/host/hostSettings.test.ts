import { availableParallelism } from 'node:os';
import { applySettings, resolveSettingReferences } from '../../../local/host/appSettings';
import { resolveHostSettings } from '../../../local/host/hostSettings';
import { parseTimeSpanMs } from '../../../local/host/timeSpan';

test('an empty host.json has the defaults of the real host', () => {
  expect(resolveHostSettings({ version: '2.0' }, { AZURE_FUNCTIONS_ENVIRONMENT: 'Production' })).toEqual({
    functionTimeoutMs: 1_800_000,
    routePrefix: 'api',
    logLevels: {},
    queues: {
      batchSize: 16,
      newBatchThreshold: 8 * availableParallelism(),
      maxPollingIntervalMs: 60_000,
      visibilityTimeoutSeconds: 0,
      maxDequeueCount: 5,
      messageEncoding: 'base64',
    },
  });
});

test('in Development a default polling interval of a minute becomes two seconds', () => {
  expect(resolveHostSettings({ version: '2.0' }, {}).queues.maxPollingIntervalMs).toBe(2_000);
});

test('app settings override host.json at any depth and in any case', () => {
  const host = {
    version: '2.0',
    extensions: { queues: { maxDequeueCount: 5, batchSize: 2 }, http: { routePrefix: 'x' } },
  };
  const settings = resolveHostSettings(host, {
    AzureFunctionsJobHost__extensions__queues__maxDequeueCount: '7',
    AZUREFUNCTIONSJOBHOST__EXTENSIONS__HTTP__ROUTEPREFIX: '',
    azurefunctionsjobhost__functiontimeout: '-1',
    'AzureFunctionsJobHost:logging:logLevel:default': 'Warning',
  });
  expect(settings.queues).toMatchObject({ maxDequeueCount: 7, batchSize: 2 });
  expect(settings).toMatchObject({
    routePrefix: '',
    functionTimeoutMs: Infinity,
    logLevels: { default: 'warning' },
  });
});

test.each([
  ['batchSize', '0'],
  ['batchSize', '33'],
  ['maxPollingInterval', '00:00:00.050'],
  ['maxDequeueCount', '0'],
  ['visibilityTimeout', 'soon'],
  ['messageEncoding', 'utf8'],
])('%s = %s is refused by name', (key, value) => {
  const environment = { [`AzureFunctionsJobHost__extensions__queues__${key}`]: value };
  expect(() => resolveHostSettings({ version: '2.0' }, environment)).toThrow(`extensions.queues.${key.toLowerCase()}`);
});

test.each([
  ['00:00:30', 30_000],
  ['01:30:00', 5_400_000],
  ['1.00:00:01', 86_401_000],
  ['00:00:00.1', 100],
  ['-1', Infinity],
  ['24:00:00', undefined],
  ['30', undefined],
  ['', undefined],
])('the time span "%s" is %s ms', (text, expected) => {
  expect(parseTimeSpanMs(text)).toBe(expected);
});

test('explicit settings win over the environment, which wins over local.settings.json; all of it can be undone', () => {
  const environment: Record<string, string | undefined> = { A: 'environment', B: 'environment' };
  const undo = applySettings(environment, { A: 'local', B: 'local', C: 'local' }, { B: 'explicit' });
  expect(environment).toMatchObject({ A: 'environment', B: 'explicit', C: 'local', FUNCTIONS_WORKER_RUNTIME: 'node' });
  undo();
  expect(environment).toEqual({ A: 'environment', B: 'environment' });
});

test('%NAME% is replaced by the setting; a missing one is an error that names it', () => {
  expect(resolveSettingReferences('%A%-%B%', { A: 'x', B: 'y' })).toBe('x-y');
  expect(() => resolveSettingReferences('%MISSING%', {})).toThrow('set the app setting MISSING');
});
