import { compareRoutes, parseRouteTemplate } from '../../../local/host/routes';

test.each<[string, string, Record<string, string> | undefined]>([
  ['api/status', '/api/status', {}],
  ['api/status', '/API/Status/', {}],
  ['api/status', '/api/status/more', undefined],
  ['studies/{uid}/sync', '/studies/1.2.3/sync', { uid: '1.2.3' }],
  ['studies/{uid}/sync', '/studies//sync', undefined],
  ['items/{id:int}', '/items/12', { id: '12' }],
  ['items/{id:int}', '/items/x', undefined],
  ['items/{id:int:min(5)}', '/items/4', undefined],
  ['items/{id?}', '/items', {}],
  ['items/{id=7}', '/items', { id: '7' }],
  ['items/{id:int?}', '/items/x', undefined],
  ['runs/{id:guid}', '/runs/6f9619ff-8b86-d011-b42d-00c04fc964ff', { id: '6f9619ff-8b86-d011-b42d-00c04fc964ff' }],
  ['runs/{id:guid}', '/runs/1', undefined],
  ['x/{code:regex(^a/b$)}', '/x/a%2Fb', undefined],
  ['x/{code:regex(^\\d{{2}}$)}', '/x/12', { code: '12' }],
  ['x/{name:length(2,3)}', '/x/abcd', undefined],
  ['x/{a}.{b}', '/x/report.json', { a: 'report', b: 'json' }],
  ['files/{*path}', '/files/a/b%20c', { path: 'a/b c' }],
  ['files/{*path}', '/files', {}],
  ['payloads/{type}/{id}', '/payloads/Patient/a%2Fb', { type: 'Patient', id: 'a%2Fb' }],
])('%s against %s gives %j', (template, path, expected) => {
  expect(parseRouteTemplate(template).match(path)).toEqual(expected);
});

test('literals come before constrained parameters, those before plain ones, catch-alls last', () => {
  const texts = ['a/{*rest}', 'a/{x}', 'a/{x:int}', 'a/b', 'a/b/{x}'];
  const sorted = texts.map(parseRouteTemplate).sort(compareRoutes);
  expect(sorted.map((route) => route.text)).toEqual(['a/b', 'a/b/{x}', 'a/{x:int}', 'a/{x}', 'a/{*rest}']);
});

test('what cannot be read is named', () => {
  expect(() => parseRouteTemplate('a/{b')).toThrow('brace');
  expect(() => parseRouteTemplate('a/{b:nonsense}')).toThrow('Unknown route constraint "nonsense"');
});
