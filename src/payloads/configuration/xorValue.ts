const PREFIX = '{xor}';
const MASK = 0x5f;

/**
 * Decodes a value that was hidden with WebSphere Liberty's `securityUtility encode`: `{xor}` and the base64 of each byte XOR 0x5F.
 * @returns the value as it is when it has no such prefix; undefined when what follows the prefix is no base64
 */
export function decodeXor(value: string): string | undefined {
  if (!value.startsWith(PREFIX)) return value;
  const encoded = value.slice(PREFIX.length);
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) return undefined;
  return Buffer.from(Buffer.from(encoded, 'base64').map((byte) => byte ^ MASK)).toString('utf8');
}
