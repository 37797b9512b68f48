import { formatLog, type HostLog, HostLogger } from '../../../local/host/logs';

function categoriesLogged(levels: Record<string, string>): readonly string[] {
  const entries: HostLog[] = [];
  const logger = new HostLogger(levels, (entry) => entries.push(entry));
  for (const level of ['debug', 'information', 'warning'] as const) {
    for (const category of ['Host.Startup', 'Function.a', 'Function.a.User', 'Function.ab']) {
      logger.write(level, category, 'text');
    }
  }
  return entries.map((entry) => `${entry.level} ${entry.category}`);
}

test('information and above by default', () => {
  expect(categoriesLogged({})).not.toContain('debug Host.Startup');
  expect(categoriesLogged({})).toContain('information Function.a.User');
});

test('the longest matching category of logging.logLevel decides', () => {
  const logged = categoriesLogged({ default: 'warning', function: 'none', 'function.a': 'debug' });
  expect(logged).toEqual([
    'debug Function.a',
    'debug Function.a.User',
    'information Function.a',
    'information Function.a.User',
    'warning Host.Startup',
    'warning Function.a',
    'warning Function.a.User',
  ]);
});

test('a line shows time, level, category and the start of the invocation id', () => {
  const line = formatLog({
    time: new Date(0),
    level: 'warning',
    category: 'Function.a',
    invocationId: '12345678-0000',
    message: 'text',
  });
  expect(line).toBe('[1970-01-01T00:00:00.000Z] warning     Function.a (12345678): text');
});
