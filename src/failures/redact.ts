import { dateSpellings } from './dateSpellings';
import { limitText } from './limitText';
import { spellingPattern, wholeWord } from './spellings';

const mask = '[redacted]';
/** Read at most this much: what a server says is for people, and patterns cost time. */
const longestInput = 64 * 1024;
const longestOutput = 2000;

/**
 * Makes a function that takes everything out of a text that could tell who the patient is.
 * Each secret (PatientID, a name in DICOM form, a date, an accession number...) goes in every plausible spelling: whole and in its parts,
 * in any case, URL-encoded (once or twice), as JSON or HTML escape, with FHIR escapes, without accents; dates in the common notations.
 * URLs lose their query strings whatever the secrets are. The result is at most 2000 characters long.
 */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const patterns = patternsOf(secrets);
  return (text) => {
    const input = text.slice(0, longestInput).normalize('NFC');
    const specific = patterns.reduce((left, pattern) => left.replace(pattern, mask), input);
    // A cut may leave the beginning of a secret: the last word of a cut text goes too.
    const whole = text.length > longestInput ? specific.replace(/\S*$/, '…') : specific;
    return limitText(merged(withoutSecretsOfAnyone(whole)), longestOutput);
  };
}

/** The general rule, for texts of which nobody knows whose data they hold: no query strings, no credentials. */
export function withoutSecretsOfAnyone(text: string): string {
  return (
    text
      // scheme://user:password@host
      .replace(/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@"'<>]{1,200}@/gi, `$1${mask}@`)
      .replace(/\b(bearer|basic|sharedkey(?:lite)?)\s+[A-Za-z0-9._~+/=:-]{8,}/gi, `$1 ${mask}`)
      .replace(/\b(sig|code|client_secret|password|accountkey)=[^\s&"'<>;]+/gi, `$1=${mask}`)
      // "Patient?identifier=a b": up to the closing quote, then without quotes
      .replace(/(["'])([^"'?\s]{0,500})\?(?=[\w.:-]{1,64}(?:=|%3D))[^"']*\1/gi, `$1$2?${mask}$1`)
      .replace(/([\w)\]/.:%$-])\?(?=[\w.:-]{1,64}(?:=|%3D))[^\s"'<>]*/gi, `$1?${mask}`)
  );
}

/** Longest first, so that a whole name goes at once and not in pieces around a separator. */
function patternsOf(secrets: readonly string[]): readonly RegExp[] {
  const sources = new Map<string, string>();
  for (const secret of secrets.flatMap((text) => [text, ...parts(text)])) {
    const text = secret.normalize('NFC').replace(/^[\s\0]+|[\s\0]+$/g, '');
    if (/[\p{L}\p{N}]/u.test(text)) sources.set(text.toLowerCase(), wholeWord(text) ?? spellingPattern(text));
  }
  const dates = new Set(secrets.flatMap(dateSpellings));
  const ordered = [...sources].sort(([a], [b]) => b.length - a.length).map(([, source]) => source);
  return [...dates, ...ordered].map((source) => new RegExp(source, 'giu'));
}

/** Components and groups of a person name (PS3.5 6.2), words, halves of double names; and numbers without leading zeros. */
function parts(secret: string): readonly string[] {
  const groups = secret.split(/[=\\]/);
  const components = secret.split(/[\^=\\,;/|&]/);
  const words = secret.split(/[\s\0^=\\,;/|&.()"]+/);
  const halves = secret.split(/[\s\0^=\\,;/|&.()"'’`_-]+/);
  const unpadded = /^0+\d{3,}$/.test(secret.trim()) ? [secret.trim().replace(/^0+/, '')] : [];
  return [...groups, ...components, ...words, ...halves, ...unpadded].map((part) => part.trim()).filter(isTelling);
}

/** Two characters at least; one is enough in scripts where one character is a name. */
const isTelling = (part: string): boolean =>
  Array.from(part).length >= 2 ||
  /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}]$/u.test(part);

const merged = (text: string): string => text.replace(/(?:\[redacted\][\s^,;=.·-]*)+\[redacted\]/g, mask);
