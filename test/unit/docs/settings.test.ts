import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { generatedParts } from '../../../local/docs/generated';
import { settingExamples } from '../../../local/docs/settingExamples';
import { allSettings, settingsTables } from '../../../local/docs/settingsTable';
import { readReconcileSettings } from '../../../src/reconcileSettings';
import { describeSettings, readSettings, SettingsError } from '../../../src/settings';

const REQUIRED = { DICOM_URL: 'https://dicom.example', FHIR_URL: 'https://fhir.example/r4' };

describe('the documents', () => {
  it.each(generatedParts)('$document has the $name as the code has them: run npm run docs', ({ document, text }) => {
    const cells = (table: string): string => table.replace(/ +/g, ' ').replace(/-+/g, '-');
    const written = readFileSync(resolve(__dirname, '../../../', document), 'utf8');
    expect(cells(written)).toContain(cells(text()));
  });
});

describe('docs/configure.md', () => {
  it('has each setting once, with its values, their range or an example', () => {
    const rows = settingsTables()
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    expect(rows.map((row) => /`(\w+)`/.exec(row)?.[1]).sort()).toEqual(allSettings.map(({ name }) => name).sort());
    const untold = allSettings.filter(
      ({ name, values, range }) => (values ?? range ?? settingExamples[name]) === undefined,
    );
    expect(untold.map(({ name }) => name)).toEqual([]);
  });

  // A reference to Key Vault is resolved before the app reads it.
  it.each(Object.entries(settingExamples).filter(([, value]) => !value.startsWith('@Microsoft.KeyVault(')))(
    'gives an example of %s that the app takes',
    (name, value) => {
      expect(allSettings.map((setting) => setting.name)).toContain(name);
      const inReconcile = {
        FHIR_DATABASE_HOST: 'h',
        FHIR_DATABASE_USER: 'u',
        FHIR_DATABASE_PASSWORD: 'p',
        PAYLOAD_STORAGE: 's',
      };
      expect(() => readSettings({ ...REQUIRED, [name]: value })).not.toThrow();
      expect(() => readReconcileSettings({ ...inReconcile, [name]: value })).not.toThrow();
    },
  );
});

describe('the settings', () => {
  it('each have a description', () => {
    for (const { name, description } of allSettings)
      expect({ name, description }).toEqual({ name, description: expect.stringMatching(/.{20,}\.$/) as unknown });
  });

  it('need only the two services', () => {
    expect(
      describeSettings()
        .filter(({ required }) => required)
        .map(({ name }) => name),
    ).toEqual(['DICOM_URL', 'FHIR_URL']);
    expect(readSettings(REQUIRED)).toMatchObject({ MAX_ATTEMPTS: 8, VALIDATION: 'partial', DICOM_API_VERSION: 'v2' });
  });

  it('that are wrong are all named at once, with what was expected and never with their value', () => {
    const wrong = {
      FHIR_URL: 'ftp://secret.example',
      MAX_ATTEMPTS: 'many',
      DEFAULT_TIME_ZONE: 'Nowhere',
      ISSUER_SYSTEMS: '{"HOSP":"HOSP"}',
    };
    const error = captured(() => readSettings(wrong));
    expect(error).toBeInstanceOf(SettingsError);
    expect(error?.problems.map((problem) => problem.split(':')[0])).toEqual([
      'DICOM_URL',
      'FHIR_URL',
      'MAX_ATTEMPTS',
      'DEFAULT_TIME_ZONE',
      'ISSUER_SYSTEMS',
    ]);
    expect(error?.message).toContain('MAX_ATTEMPTS: expected a whole number');
    expect(error?.message).not.toMatch(/secret|many|Nowhere/);
  });

  it('agree with host.json on attempts and on the time of a run', () => {
    const host = JSON.parse(readFileSync(resolve(__dirname, '../../../host.json'), 'utf8')) as {
      functionTimeout: string;
      extensions: { queues: { maxDequeueCount: number } };
    };
    const settings = readSettings(REQUIRED);
    expect(host.extensions.queues.maxDequeueCount).toBe(settings.MAX_ATTEMPTS + 2);
    const [hours = 0, minutes = 0, seconds = 0] = host.functionTimeout.split(':').map(Number);
    expect(hours * 3600 + minutes * 60 + seconds).toBe(settings.FUNCTION_TIMEOUT_SECONDS);
  });

  it('whose secret cannot be read from Key Vault are named, without the reference', () => {
    const reference = '@Microsoft.KeyVault(VaultName=imaging-kv;SecretName=fhir-client-secret)';
    const error = captured(() => readSettings({ ...REQUIRED, FHIR_CLIENT_SECRET: reference }));
    expect(error?.problems).toEqual([expect.stringMatching(/^FHIR_CLIENT_SECRET: its Key Vault reference/)]);
    expect(error?.message).not.toContain('imaging-kv');
  });

  it('that are empty count as not set', () => {
    expect(readSettings({ ...REQUIRED, VALIDATION: '', ACCESSION_SYSTEM: ' ' })).toMatchObject({
      VALIDATION: 'partial',
    });
  });
});

function captured(work: () => unknown): SettingsError | undefined {
  try {
    work();
  } catch (error) {
    return error as SettingsError;
  }
  return undefined;
}
