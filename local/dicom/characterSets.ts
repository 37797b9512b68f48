/** Turns bytes of a text value into text. */
export type TextDecoding = (bytes: Buffer) => string;

/** Defined terms of (0008,0005) for one character set (PS3.3 C.12.1.1.2), to the name that `TextDecoder` knows. */
const SINGLE_SETS: Readonly<Record<string, string>> = {
  '13': 'shift_jis',
  '100': 'latin1',
  '101': 'iso-8859-2',
  '109': 'iso-8859-3',
  '110': 'iso-8859-4',
  '126': 'iso-8859-7',
  '127': 'iso-8859-6',
  '138': 'iso-8859-8',
  '144': 'iso-8859-5',
  '148': 'windows-1254',
  '149': 'euc-kr',
  '58': 'gbk',
  '166': 'windows-874',
  '192': 'utf-8',
  '203': 'iso-8859-15',
  GB18030: 'gb18030',
  GBK: 'gbk',
};

/** Escape sequences that designate a set of one byte, or of two bytes with the high bit set (PS3.3 C.12.1.1.2). */
const G1_ESCAPES: Readonly<Record<string, string>> = {
  ')I': 'shift_jis',
  '-A': 'latin1',
  '-B': 'iso-8859-2',
  '-C': 'iso-8859-3',
  '-D': 'iso-8859-4',
  '-F': 'iso-8859-7',
  '-G': 'iso-8859-6',
  '-H': 'iso-8859-8',
  '-L': 'iso-8859-5',
  '-M': 'windows-1254',
  '-T': 'windows-874',
  '-b': 'iso-8859-15',
  '$)C': 'euc-kr',
  '$)A': 'gbk',
};
const ESCAPE = 0x1b;
/** PS3.5 6.1.2.5.3: at these the character sets return to the first one: tab, line ends, form feed, backslash, caret, equals. */
const RESET_BYTES: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0c, 0x0d, 0x5c, 0x5e, 0x3d]);

/** @returns how to decode text under the values of (0008,0005) Specific Character Set */
export function textDecoding(characterSets: readonly string[]): TextDecoding {
  const first = encodingOf(characterSets[0] ?? '');
  const extended = characterSets.length > 1 || characterSets.some((term) => /^ISO 2022/i.test(term.trim()));
  if (extended) return (bytes) => decodeWithEscapes(bytes, first ?? 'latin1');
  return first === undefined ? decodeUndeclared : (bytes) => decode(bytes, first);
}

function encodingOf(term: string): string | undefined {
  const name = term.trim().toUpperCase();
  return SINGLE_SETS[/^ISO(?:_IR|[ _]2022[ _]IR)[ _](\d+)$/.exec(name)?.[1] ?? name];
}

/** Without a declared set only ASCII is allowed; files that break this are mostly UTF-8 or Latin-1. */
function decodeUndeclared(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}

function decode(bytes: Buffer, encoding: string): string {
  return encoding === 'latin1'
    ? bytes.toString('latin1')
    : new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes);
}

/** ISO 2022 code extensions (PS3.5 6.1.2.5): runs of bytes, each in the set that the last escape sequence named. */
function decodeWithEscapes(bytes: Buffer, initial: string): string {
  let text = '';
  let encoding = initial;
  let doubleByte: 'x0208' | 'x0212' | undefined;
  let runStart = 0;
  const endRun = (end: number): void => {
    const run = bytes.subarray(runStart, end);
    text += doubleByte === undefined ? decode(run, encoding) : decode(toEucJp(run, doubleByte), 'euc-jp');
    runStart = end;
  };
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    if (byte === ESCAPE) {
      endRun(index);
      const sequence = escapeSequenceAt(bytes, index + 1);
      if (sequence === '$B' || sequence === '$@') doubleByte = 'x0208';
      else if (sequence === '$(D') doubleByte = 'x0212';
      else if (sequence.startsWith('(')) doubleByte = undefined;
      else encoding = G1_ESCAPES[sequence] ?? encoding;
      index += sequence.length;
      runStart = index + 1;
    } else if (doubleByte === undefined && RESET_BYTES.has(byte)) {
      endRun(index + 1);
      encoding = initial;
    }
  }
  endRun(bytes.length);
  return text;
}

function escapeSequenceAt(bytes: Buffer, start: number): string {
  return /^(\$[()][\x30-\x7e]|\$[@B]|[()-][\x30-\x7e])/.exec(bytes.toString('latin1', start, start + 3))?.[0] ?? '';
}

/** Both sets of kanji have a place in EUC-JP: with the high bit set, JIS X 0212 after a shift byte. */
function toEucJp(run: Buffer, set: 'x0208' | 'x0212'): Buffer {
  const high = Buffer.from(run.map((byte) => byte | 0x80));
  if (set === 'x0208') return high;
  const pairs: number[] = [];
  for (let index = 0; index + 1 < high.length; index += 2) pairs.push(0x8f, high[index] ?? 0, high[index + 1] ?? 0);
  return Buffer.from(pairs);
}
