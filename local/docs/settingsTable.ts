import { describeReconcileSettings } from '../../src/reconcileSettings';
import { describeSettings, type SettingDescription } from '../../src/settings';
import { settingExamples } from './settingExamples';

/** Every setting of the app, of Cast and of Reconcile. */
export const allSettings: readonly SettingDescription[] = [...describeSettings(), ...describeReconcileSettings()];

interface Section {
  readonly title: string;
  readonly holds: (name: string) => boolean;
}

const reconcileNames = new Set(describeReconcileSettings().map(({ name }) => name));
const named =
  (pattern: RegExp) =>
  (name: string): boolean =>
    !reconcileNames.has(name) && pattern.test(name);

const services = named(/^(DICOM|FHIR)_(URL|PUBLIC_URL|API_VERSION|DATA_PARTITIONS)$/);
const identity = named(/^IDENTITY_|^(DICOM|FHIR)_(AUTH|AUTHORITY|SCOPE|AUDIENCE|TOKEN_|CLIENT_)/);
const work = named(
  /^(CHANGE_FEED_|FEED_|MARK_SWEEP_|ROUND_|QUEUE_|PULL_|TABLE_|MAX_ATTEMPTS|BACK_OFF_|DEFER_|OUTAGE_|FUNCTION_TIMEOUT|PATIENT_LOCK|(FHIR|DICOM)_TIMEOUT)/,
);
const telemetry = named(/^(APPLICATIONINSIGHTS_|TRACE_|NOTIFIER_)/);
const apart = [services, identity, work, telemetry];

/** What a setting is not told apart by its name is about what DICOM becomes in FHIR. */
const sections: readonly Section[] = [
  { title: 'The two services', holds: services },
  { title: 'Who Cast is', holds: identity },
  { title: 'How Cast works', holds: work },
  {
    title: 'What DICOM becomes in FHIR',
    holds: (name) => !reconcileNames.has(name) && !apart.some((holds) => holds(name)),
  },
  { title: 'Telemetry and notifications', holds: telemetry },
  { title: 'Reconcile', holds: (name) => reconcileNames.has(name) },
];

/** The tables of all settings in Markdown, one for each section, as docs/configure.md shows them; a test compares. */
export function settingsTables(): string {
  return sections
    .map(({ title, holds }) => {
      const rows = allSettings.filter(({ name }) => holds(name)).map(rowOf);
      const head = ['| Setting | Values | Default | Example | What it does |', '| --- | --- | --- | --- | --- |'];
      return [`## ${title}`, '', ...head, ...rows].join('\n');
    })
    .join('\n\n');
}

function rowOf(setting: SettingDescription): string {
  const { name, required, defaultText, description } = setting;
  const fallback = required ? '**required**' : code(defaultText);
  const cells = [code(name), valuesOf(setting), fallback, code(settingExamples[name] ?? ''), description];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function valuesOf({ name, values, range }: SettingDescription): string {
  if (values !== undefined) return values.map(code).join(', ');
  if (range === undefined) return '';
  return `${range.minimum} to ${range.maximum}${unitOf(name)}`;
}

/** A number has its unit in its name. */
function unitOf(name: string): string {
  const [, unit] = /_(SECONDS|HOURS|DAYS|PERCENT)$/.exec(name) ?? [];
  return unit === undefined ? '' : ` ${unit.toLowerCase()}`;
}

const code = (text: string): string => (text === '' ? '' : `\`${text}\``);
