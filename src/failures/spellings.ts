const expression = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

const percent = (text: string): string =>
  [...Buffer.from(text, 'utf8')].map((byte) => `%(?:25){0,2}${hex(byte, 2)}`).join('');

const unitEscapes = (text: string): string =>
  Array.from({ length: text.length }, (_, index) => `\\\\{1,2}u${hex(text.charCodeAt(index), 4)}`).join('');

const entityNames: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };

/** German and Nordic letters as they are written where a system knows only ASCII. */
const digraphs: Readonly<Record<string, string>> = {
  ä: 'ae',
  ö: 'oe',
  ü: 'ue',
  ß: 'ss',
  æ: 'ae',
  ø: 'oe',
  å: 'aa',
  þ: 'th',
  ł: 'l',
  đ: 'd',
};

const withoutAccents = (character: string): string => character.normalize('NFD').replace(/\p{M}/gu, '');

/** Regular expression source for one character in each way in which a server, a URL, JSON or HTML may write it. */
function characterPattern(character: string): string {
  const cases = [...new Set([character, character.toLowerCase(), character.toUpperCase()])].map((text) =>
    text.normalize('NFC'),
  );
  const point = character.codePointAt(0) ?? 0;
  const plain = new Set([...cases, ...cases.map((text) => text.normalize('NFD'))]);
  const ascii = withoutAccents(character);
  if (ascii !== character && ascii !== '') plain.add(ascii);
  const digraph = digraphs[character.toLowerCase()];
  if (digraph !== undefined) plain.add(digraph);
  const entity = entityNames[character];
  // Escapes first: they may begin with the character itself (`%25`, `&amp;`).
  const ways = [
    ...cases.flatMap((text) => [percent(text), unitEscapes(text)]),
    `&#0*${point};`,
    `&#x0*${point.toString(16)};`,
    ...(entity === undefined ? [] : [`&(?:amp;)?${entity};`]),
    ...[...plain].map(expression),
  ];
  return `\\\\{0,2}(?:${ways.join('|')})`;
}

const anySpace = '(?:[\\s\\0+_]|%(?:25){0,2}20|&nbsp;|&#160;|\\u00a0)';

/** Regular expression source for a text in all its spellings, for the flags `iu`. Runs of spaces match any spaces. */
export const spellingPattern = (text: string): string =>
  text
    .split(/[\s\0]+/)
    .map((word) => Array.from(word, characterPattern).join(''))
    .join(`${anySpace}{1,4}`);

/** Letters, digits; and escapes end before a word although they end in a letter or digit. */
const startsWord = '(?<=^|[^\\p{L}\\p{N}]|%[0-9a-f]{2}|\\\\u[0-9a-f]{4})';
const endsWord = '(?![\\p{L}\\p{N}])';

/**
 * For texts so short that they occur within other words (`Li` in `validation`): the pattern matches them only as a word of their own.
 * Undefined for longer texts, and for scripts that are written without spaces.
 */
export function wholeWord(text: string): string | undefined {
  if (Array.from(text).length > 3 || /[^\p{Script=Latin}\p{N}\p{P}\p{S}]/u.test(text)) return undefined;
  // A short number is no part of a UID or of a decimal fraction.
  const digits = /^\d+$/.test(text);
  return `${digits ? '(?<!\\d\\.)' : ''}${startsWord}${spellingPattern(text)}${endsWord}${digits ? '(?!\\.\\d)' : ''}`;
}
