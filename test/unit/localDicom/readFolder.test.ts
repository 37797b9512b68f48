import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FolderEntry, FolderNotFound, readFolder } from '../../../local/dicom/readFolder';
import { ctInstance, element, testUid } from '../../support/instances';
import { part10Of, rawElement, rawFile } from '../../support/part10';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dicom-folder-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function read(directory = folder): Promise<readonly FolderEntry[]> {
  const entries: FolderEntry[] = [];
  for await (const entry of readFolder(directory)) entries.push(entry);
  return entries;
}

test('DICOM files and DICOM JSON are found at any depth under any name', async () => {
  const [first, second, third] = [1, 2, 3].map((number) => ctInstance({ study: testUid(number) })) as [
    ReturnType<typeof ctInstance>,
    ReturnType<typeof ctInstance>,
    ReturnType<typeof ctInstance>,
  ];
  await mkdir(join(folder, 'a', 'b'), { recursive: true });
  await writeFile(join(folder, 'a', 'b', 'IM000001'), part10Of(first));
  await writeFile(join(folder, 'no-preamble.bin'), part10Of(first).subarray(132));
  await writeFile(join(folder, 'one.json'), JSON.stringify(second));
  await writeFile(join(folder, 'two.dcm'), `\uFEFF\n${JSON.stringify([second, third], null, 2)}`);
  expect(await read()).toEqual([
    { kind: 'instance', path: join('a', 'b', 'IM000001'), dataset: first },
    { kind: 'instance', path: 'no-preamble.bin', dataset: first },
    { kind: 'instance', path: 'one.json', dataset: second },
    { kind: 'instance', path: 'two.dcm', dataset: second },
    { kind: 'instance', path: 'two.dcm', dataset: third },
  ]);
});

test('pixel data of a file is never read, however much there is', async () => {
  const header = rawElement('7FE00010', 'OW', Buffer.alloc(0), { lengthBytes: 3_000_000_000 });
  const path = join(folder, 'huge.dcm');
  const file = rawFile([
    rawElement('00080016', 'UI', '1.2.840.10008.5.1.4.1.1.2\0'),
    rawElement('00080018', 'UI', '1.2.3.4\0'),
    rawElement('0020000D', 'UI', '1.2\0'),
    rawElement('0020000E', 'UI', '1.2.3\0'),
    header,
  ]);
  await writeFile(path, file);
  await truncate(path, 3_000_000_000 + file.length);
  expect(await read()).toMatchObject([{ kind: 'instance', dataset: { '00080018': element('UI', '1.2.3.4') } }]);
});

test('each file that is of no use is named with the reason, and the others are read all the same', async () => {
  const dicomdir = ctInstance({ '00080016': element('UI', '1.2.840.10008.1.3.10') });
  await writeFile(join(folder, 'DICOMDIR'), part10Of(dicomdir));
  await writeFile(join(folder, 'broken.json'), '{ "00100020": ');
  await writeFile(join(folder, 'cut.dcm'), part10Of(ctInstance()).subarray(0, -3));
  await writeFile(join(folder, 'cut2.dcm'), part10Of(ctInstance()).subarray(0, -1));
  await writeFile(join(folder, 'empty'), '');
  await writeFile(join(folder, 'good.dcm'), part10Of(ctInstance()));
  await writeFile(
    join(folder, 'lacks.json'),
    JSON.stringify(ctInstance({ '0020000E': undefined, '00080018': undefined })),
  );
  await writeFile(
    join(folder, 'long.json'),
    JSON.stringify(ctInstance({ study: '1.'.repeat(40) + '1', series: '1.1', instance: '1.2' })),
  );
  await writeFile(join(folder, 'package.json'), '{ "name": "something-else" }');
  await writeFile(join(folder, 'readme.txt'), 'Two studies from the archive.');
  await symlink(join(folder, 'nowhere'), join(folder, 'zz-link'));
  const entries = await read();
  expect(entries.map((entry) => [entry.path, entry.kind === 'skipped' ? entry.reason : entry.kind])).toEqual([
    ['DICOMDIR', 'it is a DICOMDIR, an index of other files'],
    ['broken.json', 'it is neither a DICOM file nor valid JSON'],
    ['cut.dcm', 'it ends within an element'],
    ['cut2.dcm', 'it ends within (0028,0011)'],
    ['empty', 'it is not a DICOM file'],
    ['good.dcm', 'instance'],
    ['lacks.json', 'SeriesInstanceUID, SOPInstanceUID are missing or invalid'],
    ['long.json', 'StudyInstanceUID is missing or invalid'],
    ['package.json', 'it is JSON, but not DICOM JSON'],
    ['readme.txt', 'it is not a DICOM file'],
    ['zz-link', 'it cannot be opened (ENOENT)'],
  ]);
});

test('a folder that links to itself is read once', async () => {
  await writeFile(join(folder, 'a.dcm'), part10Of(ctInstance()));
  await symlink(folder, join(folder, 'loop'));
  expect(await read()).toHaveLength(1);
});

test('a pipe is not waited for', async () => {
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  expect(await read()).toEqual([{ kind: 'skipped', path: 'pipe', reason: 'it is not an ordinary file' }]);
});

test('a missing folder, and a file in its place, are told apart from an empty folder', async () => {
  expect(await read()).toEqual([]);
  await writeFile(join(folder, 'file'), '');
  await expect(read(join(folder, 'missing'))).rejects.toThrow(FolderNotFound);
  await expect(read(join(folder, 'file'))).rejects.toThrow(`There is no folder ${join(folder, 'file')}`);
});
