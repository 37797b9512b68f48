import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { allSettings } from '../../../local/docs/settingsTable';
import { routes } from '../../../src/api/description/openapi';

const root = resolve(__dirname, '../../..');
const documents = globSync(['*.md', 'docs/*.md', 'infra/*.md', 'bench/*.md'], { cwd: root });
const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');
const prose = (path: string): string => read(path).replaceAll(/```[\s\S]*?```/g, '');

/** As GitHub names the anchors of headings. */
function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

it.each(documents)('every link of %s leads to a file and a heading that are there', (document) => {
  const broken = [...prose(document).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)]
    .map(([, path = '', anchor]) => ({ path: path === '' ? document : `${dirname(document)}/${path}`, anchor }))
    .filter(
      ({ path, anchor }) =>
        !existsSync(resolve(root, path)) || (anchor !== undefined && !anchorsOf(read(path)).includes(anchor)),
    );
  expect(broken).toEqual([]);
});

it('the guide from DICOM Cast names only settings that there are', () => {
  const known = new Set(allSettings.map(({ name }) => name));
  const named = [...prose('docs/migrate.md').matchAll(/`([A-Z][A-Z]+_[A-Z_]+)`/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});

it.each(['README.md', 'docs/operate.md', 'docs/migrate.md'])('%s names only routes that there are', (document) => {
  const known = routes.map(({ method, path }) => `${method.toUpperCase()} /api${path}`);
  const named = [...read(document).matchAll(/\b(GET|POST|PUT|DELETE) (\/api\/[\w{}/.-]+)/g)].map(
    ([, method = '', path = '']) => `${method} ${path}`,
  );
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((route) => !known.includes(route))).toEqual([]);
});
