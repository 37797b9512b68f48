import { consoleTelemetry } from '../../../src/telemetry/consoleTelemetry';
import { recordingTelemetry } from '../../support/recordingTelemetry';
import { noTelemetry, type Telemetry } from '../../../src/telemetry/telemetry';

function tell(telemetry: Telemetry): void {
  telemetry.event('mark-swept', { study: '1.2.3', written: 2, note: undefined });
  telemetry.metric('fhir-requests', 12.5, { kind: 'search' });
  telemetry.log('warning', 'Comes again', { reason: 'ServerError', why: 'two words, "quoted"' });
  telemetry.event('feed-reset');
}

test('the console shows one line each, properties as name=value', () => {
  const lines: string[] = [];
  tell(consoleTelemetry((level, line) => lines.push(`${level} | ${line}`)));
  expect(lines).toEqual([
    'info | event mark-swept study=1.2.3 written=2',
    'debug | metric fhir-requests=12.5 kind=search',
    'warning | Comes again reason=ServerError why="two words, \\"quoted\\""',
    'info | event feed-reset',
  ]);
});

test('a property cannot forge a second line', () => {
  const lines: string[] = [];
  consoleTelemetry((_level, line) => lines.push(line)).event('mark-swept', { value: 'a\nerror forged' });
  expect(lines).toEqual(['event mark-swept value="a\\nerror forged"']);
});

test('each level goes to its own stream of the console', () => {
  const told = (['debug', 'info', 'warn', 'error'] as const).map((name) => jest.spyOn(console, name).mockReturnValue());
  const telemetry = consoleTelemetry();
  for (const level of ['debug', 'info', 'warning', 'error'] as const) telemetry.log(level, level);
  expect(told.map(({ mock }) => mock.calls)).toEqual([[['debug']], [['info']], [['warning']], [['error']]]);
  jest.restoreAllMocks();
});

test('the recorder keeps everything in order', () => {
  const telemetry = recordingTelemetry();
  tell(telemetry);
  expect(telemetry.records).toMatchObject([
    { kind: 'event', name: 'mark-swept', properties: { study: '1.2.3', written: 2 } },
    { kind: 'metric', name: 'fhir-requests', value: 12.5, dimensions: { kind: 'search' } },
    { kind: 'log', level: 'warning', message: 'Comes again' },
    { kind: 'event', name: 'feed-reset', properties: {} },
  ]);
});

test('no telemetry keeps nothing and does not mind', () => {
  expect(() => tell(noTelemetry)).not.toThrow();
});
