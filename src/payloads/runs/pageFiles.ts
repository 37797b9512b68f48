import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import { z } from 'zod';
import { statusOf } from '../../failures/storageError';
import type { Finding, PageAddress, ReportStore, TypeBuckets } from './reportStore';
import { SWEEP_OUTCOMES } from './totals';

/** Where the files of a report are; a write replaces the file. */
export interface TextFiles {
  write(name: string, text: string, signal: AbortSignal): Promise<void>;
  read(name: string, signal: AbortSignal): Promise<string | undefined>;
}

const findingSchema = z.object({
  name: z.string(),
  verdict: z.string(),
  reason: z.string().optional(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  outcome: z.enum(SWEEP_OUTCOMES).optional(),
  code: z.string().optional(),
});

const bucketsSchema = z.array(
  z.object({
    typeId: z.number(),
    buckets: z.array(z.tuple([z.number(), z.number(), z.string().transform(BigInt)])),
  }),
);

/** Reports as NDJSON files, one for each page with findings. */
export function reportFiles(files: TextFiles): ReportStore {
  return {
    write: (page, findings, signal) => files.write(nameOf(page, page.kind, 'ndjson'), findingLines(findings), signal),
    read: async (page, signal) => {
      const text = await files.read(nameOf(page, page.kind, 'ndjson'), signal);
      return (text ?? '')
        .split('\n')
        .filter((line) => line !== '')
        .map((line): Finding => findingSchema.parse(JSON.parse(line)));
    },
    writeBuckets: (page, types, signal) => {
      const compact = types.map(({ typeId, buckets }) => ({
        typeId,
        buckets: buckets.map(({ bucket, count, sum }) => [bucket, count, String(sum)]),
      }));
      return files.write(nameOf(page, 'buckets', 'json'), JSON.stringify(compact), signal);
    },
    readBuckets: async (page, signal) => {
      const text = await files.read(nameOf(page, 'buckets', 'json'), signal);
      if (text === undefined) return [];
      return bucketsSchema.parse(JSON.parse(text)).map(({ typeId, buckets }): TypeBuckets => ({
        typeId,
        buckets: buckets.map(([bucket, count, sum]) => ({ bucket, count, sum })),
      }));
    },
  };
}

/** One line of JSON for each. */
export function findingLines(findings: readonly Finding[]): string {
  return findings.map((finding) => `${JSON.stringify(finding)}\n`).join('');
}

function nameOf({ runId, shardId, page, writer }: PageAddress, what: string, extension: string): string {
  return `${runId}/${shardId}/${String(page).padStart(8, '0')}.${what}.${writer}.${extension}`;
}

export function blobFiles(container: ContainerClient): TextFiles {
  let created: Promise<unknown> | undefined;
  return {
    write: async (name, text, signal) => {
      created ??= container.createIfNotExists({ abortSignal: signal }).catch((error: unknown) => {
        created = undefined;
        throw error;
      });
      await created;
      const body = Buffer.from(text);
      await container.getBlockBlobClient(name).upload(body, body.length, { abortSignal: signal });
    },
    read: async (name, signal) => {
      try {
        return (await container.getBlobClient(name).downloadToBuffer(0, undefined, { abortSignal: signal })).toString();
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    },
  };
}

/** For the command line: files below a folder of this machine. */
export function folderFiles(folder: string): TextFiles {
  return {
    write: async (name, text, signal) => {
      const path = join(folder, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text, { signal });
    },
    read: async (name, signal) => {
      try {
        return await readFile(join(folder, name), { encoding: 'utf8', signal });
      } catch (error) {
        if (isMissingFile(error)) return undefined;
        throw error;
      }
    },
  };
}

function isMissingFile(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
}
