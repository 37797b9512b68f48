import { readText } from '../../../src/http/boundedBody';

async function* inChunks(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += length)
    yield await Promise.resolve(bytes.subarray(start, start + length));
}

describe('a body', () => {
  const text = 'Müller, 山田 太郎, 🩻';

  it.each([1, 2, 3, 1000])('is the same text however its bytes come: in chunks of %i', async (length) => {
    expect(await readText(inChunks(Buffer.from(text), length), 100)).toBe(text);
    expect(await readText(inChunks(Buffer.from(`\uFEFF${text}`), length), 100)).toBe(text);
  });

  it('that ends within a character ends with a replacement for it', async () => {
    expect(await readText(inChunks(Buffer.from('ü').subarray(0, 1), 1), 100)).toBe('\uFFFD');
  });
});
