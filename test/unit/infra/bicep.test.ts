import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { moduleProblems, nameProblems } from '../../support/bicep/names';
import { type BicepFile, parseBicep, syntaxErrors } from '../../support/bicep/syntax';
import { besides, isThere, templates } from '../../support/bicep/templates';
import { readExtract, typeProblems } from '../../support/bicep/types';

const extract = readExtract();
let files: ReadonlyMap<string, BicepFile>;
beforeAll(async () => {
  files = await templates();
});

const problemsOf = (check: (file: BicepFile) => readonly string[]): readonly string[] =>
  [...files.values()].flatMap(check);

const modulesOf = (file: BicepFile): readonly string[] =>
  moduleProblems(file, (path) => files.get(besides(file, path)));

describe('the templates', () => {
  it('are Bicep', () => {
    expect(files.size).toBeGreaterThan(10);
    expect(problemsOf(syntaxErrors)).toEqual([]);
  });

  it('use only names that are declared, and all that are', () => {
    expect(problemsOf(nameProblems)).toEqual([]);
  });

  it('give each module what it asks for, and read only outputs that it has', () => {
    expect(problemsOf(modulesOf)).toEqual([]);
  });

  it('write and read only properties that the published types of the resources have, and all that they require', () => {
    expect(problemsOf((file) => typeProblems(file, extract))).toEqual([]);
  });

  it('load only files that are there', () => {
    const loaded = problemsOf((file) =>
      [...file.root.text.matchAll(/loadTextContent\('([^']+)'\)/g)].map(([, path = '']) => besides(file, path)),
    );
    expect(loaded.length).toBeGreaterThan(0);
    expect(loaded.filter((path) => !isThere(path))).toEqual([]);
  });

  it('take the parameters that azd passes, and azd passes all that are required', () => {
    const passed = JSON.parse(readFileSync(join(__dirname, '../../../infra/main.parameters.json'), 'utf8')) as {
      readonly parameters: Readonly<Record<string, unknown>>;
    };
    const given = Object.keys(passed.parameters);
    const asked = files.get(join('infra', 'main.bicep'))?.parameters ?? [];
    expect(given.filter((name) => !asked.some((parameter) => parameter.name === name))).toEqual([]);
    expect(asked.filter(({ name, required }) => required && !given.includes(name))).toEqual([]);
  });
});

describe('a slip in a template is found:', () => {
  const parse = (text: string): Promise<BicepFile> => parseBicep('slip.bicep', text);

  it('a bracket that is missing', async () => {
    expect(syntaxErrors(await parse("param name string = 'x'\nvar list = [name\n"))).not.toEqual([]);
  });

  it.each([
    ['a name that nothing declares', 'var a = nmae\noutput b string = a', 'slip.bicep:1: nothing is called nmae'],
    ['a parameter that nothing uses', 'param name string', 'slip.bicep: nothing uses name'],
    ['a function that there is none of', "output a string = toLowr('A')", 'slip.bicep:1: no function toLowr is known'],
    [
      'the variable of a loop outside of it',
      'var a = [for item in [1]: item]\noutput b object = union(a, item)',
      'slip.bicep:2: nothing is called item',
    ],
  ])('%s', async (_, text, problem) => {
    expect(nameProblems(await parse(text))).toEqual([problem]);
  });

  it.each([
    ['a property that the type has not', "location: 'x', name: 'a', colour: 'red'", 'has no colour'],
    ['one deeper down', "location: 'x', name: 'a', properties: { httpOnly: true }", 'has no httpOnly'],
    ['one that is required and left out', "name: 'a'", 'needs location'],
    ['one that cannot be set', "location: 'x', name: 'a', properties: { defaultHostName: 'a' }", 'cannot be set'],
    [
      'a value that is none of the ones taken',
      "location: 'x', name: 'a', identity: { type: 'UserAssinged' }",
      'expected one of SystemAssigned',
    ],
  ])('%s', async (_, properties, problem) => {
    const text = `resource app 'Microsoft.Web/sites@2024-04-01' = {\n${properties.replaceAll(', ', '\n')}\n}`;
    expect(typeProblems(await parse(text), extract)).toEqual([expect.stringContaining(problem)]);
  });

  it('a property that is read and not there', async () => {
    const text =
      "resource app 'Microsoft.Web/sites@2024-04-01' existing = {\nname: 'a'\n}\noutput a string = app.properties.hostName";
    expect(typeProblems(await parse(text), extract)).toEqual([expect.stringContaining('no properties.hostName')]);
  });

  it.each([
    ['a parameter that the module does not take', 'a: 1\nb: 2', 'one', 'takes no b'],
    ['one that it needs', '', 'one', 'needs a'],
    ['an output that it has not', 'a: 1', 'two', 'has no outputs.two'],
  ])('%s', async (_, given, output, problem) => {
    const target = await parse('param a int\noutput one int = a');
    const file = await parse(
      `module m 'm.bicep' = {\nname: 'm'\nparams: {\n${given}\n}\n}\noutput x int = m.outputs.${output}`,
    );
    expect(moduleProblems(file, () => target)).toEqual([expect.stringContaining(problem)]);
  });
});
