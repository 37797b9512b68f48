import { readReconcileSettings } from '../../src/reconcileSettings';
import { SettingsError } from '../../src/settings';

const ON = {
  PAYLOAD_STORES: '{"default/default":{"container":"fhir-payload"}}',
  PAYLOAD_STORAGE: 'UseDevelopmentStorage=true',
  FHIR_DATABASE_HOST: 'db.example',
  FHIR_DATABASE_USER: 'reader',
  FHIR_DATABASE_PASSWORD: 'secret',
};

function problems(settings: Readonly<Record<string, string>>): readonly string[] {
  try {
    readReconcileSettings(settings);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
}

describe('the settings of Reconcile', () => {
  it('ask nothing of an installation without Reconcile', () => {
    expect(problems({})).toEqual([]);
  });

  it('name everything that is missing once it is on', () => {
    expect(problems({ PAYLOAD_STORES: ON.PAYLOAD_STORES }).map((problem) => problem.split(':')[0])).toEqual([
      'PAYLOAD_STORAGE',
      'FHIR_DATABASE_HOST',
      'FHIR_DATABASE_USER',
      'FHIR_DATABASE_PASSWORD',
    ]);
  });

  it('need no password of a managed identity', () => {
    const { FHIR_DATABASE_PASSWORD: _left, ...rest } = ON;
    expect(problems({ ...rest, FHIR_DATABASE_AUTH: 'managed-identity' })).toEqual([]);
  });

  it('may all come from the files of the FHIR server, but not from both places', () => {
    const files = { FHIR_CONFIG_DIR: '/opt/fhir', FHIR_DATABASE_PROPERTIES: '/opt/fhir/database.properties' };
    expect(problems(files)).toEqual([]);
    expect(problems({ ...files, ...ON }).map((problem) => problem.split(':')[0])).toEqual([
      'PAYLOAD_STORES',
      'FHIR_DATABASE_HOST',
    ]);
  });

  it.each(['[]', '{}', '{"default":{"container":"x"}}', '{"a/b":{"container":"No_Container"}}', '{"a/b":{}}'])(
    'say what stores look like, and not what %s is',
    (text) => {
      expect(problems({ ...ON, PAYLOAD_STORES: text })).toEqual([
        expect.stringMatching(/^PAYLOAD_STORES: expected a JSON object from tenant\/datasource/),
      ]);
    },
  );
});
