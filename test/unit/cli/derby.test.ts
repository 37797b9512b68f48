import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDerby } from '../../../cli/reconcile/derby/derbyBridge';
import { derbyClassPath } from '../../../cli/reconcile/derby/derbyJars';
import type { DerbySettings } from '../../../src/payloads/configuration/derbySettings';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reconcile-derby-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A program that stands where Java or Maven would be. */
function program(name: string, script: string): void {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'bin', name), 0o755);
}

const settings: DerbySettings = {
  kind: 'derby',
  folder: '/db',
  schema: 'FHIRDATA',
  user: 'fhir',
  password: 'secret',
  encryption: {},
};

const open = () => openDerby(settings, 'derby.jar', { ...process.env, JAVA_HOME: folder });

describe('without what Derby needs, one line says what is missing', () => {
  it('Java', async () => {
    await expect(open()).rejects.toMatchObject({ code: 'JavaMissing' });
    await expect(open()).rejects.toThrow(/install a JDK, 11 or later/);
  });

  it('a compiler beside Java', async () => {
    program('java', 'echo "error: no compiler" >&2; exit 1');
    await expect(open()).rejects.toMatchObject({ code: 'DerbyEnded', message: 'Derby has ended: error: no compiler' });
  });

  it('Derby and Maven', async () => {
    const fetching = derbyClassPath({ XDG_CACHE_HOME: folder, PATH: join(folder, 'bin') }, () => undefined);
    await expect(fetching).rejects.toMatchObject({ code: 'DerbyMissing' });
    await expect(fetching).rejects.toThrow(/install Maven, which fetches it, or set DERBY_HOME/);
  });

  it('Derby where DERBY_HOME says that it is', async () => {
    await expect(derbyClassPath({ DERBY_HOME: folder }, () => undefined)).rejects.toThrow(
      /DERBY_HOME: expected an unpacked Apache Derby, but there is no .*derby\.jar/,
    );
  });
});

it('takes no jar whose SHA-256 is not that of the release', async () => {
  program(
    'mvn',
    'for a in "$@"; do case $a in -DoutputDirectory=*) echo evil > "${a#*=}/derby-10.15.2.0.jar";; esac; done',
  );
  const told: string[] = [];
  const fetching = derbyClassPath(
    { ...process.env, XDG_CACHE_HOME: folder, DERBY_HOME: '', PATH: `${folder}/bin:/bin:/usr/bin` },
    (line) => told.push(line),
  );
  await expect(fetching).rejects.toThrow(/What Maven fetched for derby 10\.15\.2\.0 is not what was released/);
  expect(told).toHaveLength(1);
});

it('tells a password to Derby alone: the arguments that others can read, and errors, do not hold it', async () => {
  program('java', 'echo "$@" >&2; exit 1');
  const opening = open();
  await expect(opening).rejects.toThrow(/Derby has ended: -cp derby\.jar .*DerbyBridge\.java/);
  await expect(opening).rejects.not.toThrow(/secret/);
});
