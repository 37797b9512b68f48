import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { storageAccount } from '../../../src/identity/storageAccount';
import { describeReconcileSettings, readReconcileSettings } from '../../../src/reconcileSettings';
import { describeSettings, readSettings, SettingsError } from '../../../src/settings';
import { type BicepFile, type BicepValue, objectsOf, propertyNamed } from '../../support/bicep/syntax';
import { templates } from '../../support/bicep/templates';

/** The settings of every service, each described by its schema. */
const schemas = [describeSettings(), describeReconcileSettings()];

/** What only the host reads (Azure Functions: app settings reference). */
const hostOnly = ['AzureWebJobsStorage__credential'];

const ROOT = join(__dirname, '..', '..', '..');
const settings = schemas.flat();
const functions = globSync(join(ROOT, 'functions', '*.ts')).map((path) => readFileSync(path, 'utf8'));
const inFunctions = (pattern: RegExp): readonly string[] => [
  ...new Set(functions.flatMap((text) => [...text.matchAll(pattern)].map(([, name = '']) => name))),
];

let main: BicepFile;
let app: BicepFile;
beforeAll(async () => {
  const files = await templates();
  const file = (path: string): BicepFile => {
    const found = files.get(join('infra', path));
    if (found === undefined) throw new Error(`There is no ${path}`);
    return found;
  };
  main = file('main.bicep');
  app = file('modules/functionApp.bicep');
});

const variable = (file: BicepFile, name: string): BicepValue => {
  const value = file.variables.get(name);
  if (value === undefined) throw new Error(`${file.path} has no variable ${name}`);
  return value;
};
const keysOf = (value: BicepValue): readonly string[] =>
  objectsOf(value).flatMap(({ properties }) => properties.map(({ name = '' }) => name));
const textsOf = (value: BicepValue): readonly string[] =>
  value.kind === 'array' ? value.items.flatMap((item) => (item.kind === 'string' ? [item.text ?? ''] : [])) : [];

describe('the app settings of the template', () => {
  it('are all read by the app', () => {
    const known = new Set(settings.map(({ name }) => name));
    const own = keysOf(variable(app, 'ownSettings'));
    expect(own.length).toBeGreaterThan(4);
    expect(own.filter((name) => !known.has(name))).toEqual([]);
  });

  it('hold every one that the app needs', () => {
    const own = keysOf(variable(app, 'ownSettings'));
    const required = settings.filter((setting) => setting.required).map(({ name }) => name);
    expect(required.filter((name) => !own.includes(name))).toEqual([]);
  });

  it('hold every one that a binding names, because the host knows no default', () => {
    const given = [...keysOf(variable(app, 'ownSettings')), ...keysOf(variable(app, 'hostSettings'))];
    const named = inFunctions(/%(\w+)%/g);
    expect(named.length).toBeGreaterThan(1);
    expect(named.filter((name) => !given.includes(name))).toEqual([]);
    const connections = inFunctions(/connection: '(\w+)'/g);
    expect(connections.length).toBeGreaterThan(0);
    const needed = connections.flatMap((name) => [
      `${name}__queueServiceUri`,
      `${name}__credential`,
      `${name}__clientId`,
    ]);
    expect(needed.filter((name) => !given.includes(name))).toEqual([]);
  });

  it('of the host are ones that it or the app reads', () => {
    const read = new Set<string>([...hostOnly, ...settings.map(({ name }) => name)]);
    const endpoint = (name: string): string => `https://account.${/__(\w+)ServiceUri/.exec(name)?.[1] ?? 'x'}.example/`;
    const environment = new Proxy<Record<string, string>>(
      {},
      {
        get: (_, name) => {
          read.add(String(name));
          return String(name).endsWith('ServiceUri') ? endpoint(String(name)) : undefined;
        },
      },
    );
    const account = storageAccount(environment);
    expect(keysOf(variable(app, 'hostSettings')).filter((name) => !read.has(name))).toEqual([]);
    // Azure gives the endpoints with a slash at the end.
    expect(account.queue('study-changes').url).toBe('https://account.queue.example/study-changes');
    expect(account.container('reconcile-reports').url).toBe('https://account.blob.example/reconcile-reports');
  });

  it('have values that the app takes, by default and in each way of signing in', () => {
    const values = ['ownSettings', 'hostSettings'].flatMap((list) =>
      keysOf(variable(app, list)).map((name) => [name, defaultOf(list, name)] as const),
    );
    expect(problemsWith(Object.fromEntries(values))).toEqual([]);
    for (const [setting, parameter] of [
      ['DICOM_AUTH', 'dicomAuth'],
      ['FHIR_AUTH', 'fhirAuth'],
    ] as const)
      for (const value of allowed(parameter))
        expect(problemsWith({ ...Object.fromEntries(values), [setting]: value, ...credentials })).toEqual([]);
  });
});

const credentials = Object.fromEntries(
  ['DICOM', 'FHIR'].flatMap((service) => [
    [`${service}_TOKEN_URL`, 'https://token.example'],
    [`${service}_CLIENT_ID`, 'id'],
    [`${service}_CLIENT_SECRET`, 'secret'],
  ]),
) as Readonly<Record<string, string>>;

function problemsWith(environment: Readonly<Record<string, string>>): readonly string[] {
  return [readSettings, readReconcileSettings].flatMap((read) => {
    try {
      read(environment);
      return [];
    } catch (error) {
      if (error instanceof SettingsError) return error.problems;
      throw error;
    }
  });
}

/** What a setting is, or where that is worked out something that may be it, when the parameters of main.bicep are left at their defaults. */
function defaultOf(list: string, setting: string): string {
  const value = propertyNamed(variable(app, list), setting);
  if (value?.kind === 'string') return value.written.replace(/\$\{\w+\}/g, 'something');
  const name = value?.kind === 'expression' ? value.text : '';
  const fallback = main.parameters.find((parameter) => parameter.name === name)?.fallback;
  if (fallback?.kind === 'string') return fallback.text ?? '';
  return name.endsWith('Url') ? 'https://service.example/path' : 'something';
}

function allowed(parameter: string): readonly string[] {
  const decorators = main.parameters.find(({ name }) => name === parameter)?.decorators ?? [];
  const list = decorators.find((decorator) => decorator.startsWith('@allowed')) ?? '';
  const values = [...list.matchAll(/'([^']+)'/g)].map(([, value = '']) => value);
  expect(values.length).toBeGreaterThan(1);
  return values;
}

describe('the storage of the template', () => {
  const source = globSync(join(ROOT, 'src', '*.ts'))
    .sort()
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');
  const inSource = (pattern: RegExp): readonly string[] => [...source.matchAll(pattern)].map(([, name = '']) => name);

  it('has the queues that functions are bound to', () => {
    expect([...textsOf(variable(main, 'queueNames'))].sort()).toEqual(
      [...inFunctions(/queueName: '([\w-]+)'/g)].sort(),
    );
  });

  it('has the tables and containers that the app opens', () => {
    expect(textsOf(variable(main, 'tableNames'))).toEqual(
      inSource(/storage\.table\(`\$\{(?:settings\.)?TABLE_PREFIX\}(\w+)`\)/g),
    );
    expect(textsOf(variable(main, 'containerNames'))).toEqual(inSource(/storage\.container\('([\w-]+)'\)/g));
  });
});

describe('the documents on infrastructure', () => {
  it('name only settings that exist', () => {
    const text = readFileSync(join(ROOT, 'infra', 'README.md'), 'utf8');
    const known = new Set([...settings.map(({ name }) => name), ...hostOnly, ...environmentOfAzd()]);
    const named = [...text.matchAll(/`?\b([A-Z]{2,}(?:_[A-Z]+)+)\b/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(3);
    expect([...new Set(named)].filter((name) => !known.has(name))).toEqual([]);
  });
});

/** Variables that main.parameters.json takes from the environment of azd. */
function environmentOfAzd(): readonly string[] {
  const text = readFileSync(join(ROOT, 'infra', 'main.parameters.json'), 'utf8');
  return [...text.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name);
}
