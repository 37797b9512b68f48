import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Bytes that are read where they are needed, so that a file's pixel data never comes into memory. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** @throws {RangeError} when the bytes reach beyond the end */
  bytes(offset: number, lengthBytes: number): Buffer;
}

const BLOCK_BYTES = 64 * 1024;

export function memoryBytes(content: Uint8Array): ByteSource {
  const buffer = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return {
    sizeBytes: buffer.length,
    bytes(offset, lengthBytes) {
      checkRange(offset, lengthBytes, buffer.length);
      return buffer.subarray(offset, offset + lengthBytes);
    },
  };
}

/** Opens a file for `use` and closes it afterwards. Holds one block of it at a time. */
export function withFileBytes<T>(path: string, use: (source: ByteSource) => T): T {
  const file = openSync(path, 'r');
  try {
    const sizeBytes = fstatSync(file).size;
    let blockStart = 0;
    let block: Buffer = Buffer.alloc(0);
    return use({
      sizeBytes,
      bytes(offset, lengthBytes) {
        checkRange(offset, lengthBytes, sizeBytes);
        if (offset < blockStart || offset + lengthBytes > blockStart + block.length) {
          blockStart = offset;
          block = readBlock(file, offset, Math.min(Math.max(lengthBytes, BLOCK_BYTES), sizeBytes - offset));
          checkRange(0, lengthBytes, block.length);
        }
        return block.subarray(offset - blockStart, offset - blockStart + lengthBytes);
      },
    });
  } finally {
    closeSync(file);
  }
}

function readBlock(file: number, offset: number, lengthBytes: number): Buffer {
  const block = Buffer.alloc(lengthBytes);
  let filled = 0;
  while (filled < lengthBytes) {
    const count = readSync(file, block, filled, lengthBytes - filled, offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return block.subarray(0, filled);
}

function checkRange(offset: number, lengthBytes: number, sizeBytes: number): void {
  if (offset + lengthBytes > sizeBytes) throw new RangeError('The file ends too early');
}
