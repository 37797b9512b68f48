import type { HumanName } from 'fhir/r4';
import type { PersonName, PersonNameGroup } from '../dicom/personName';
import { NAME_REPRESENTATION_EXTENSION } from './systems';

/** Values of the iso21090-EN-representation extension, as JP Core uses them. */
const REPRESENTATION_CODES = { alphabetic: 'ABC', ideographic: 'IDE', phonetic: 'SYL' } as const;

/**
 * @returns one name for each component group. A group carries its representation when it is not alphabetic, or when
 *   there is another one to tell it from.
 */
export function humanNames(name: PersonName, use?: 'usual' | 'official'): readonly HumanName[] {
  return name.groups.map((group) => {
    const text = textOf(group);
    const marked = group.representation !== 'alphabetic' || name.groups.length > 1;
    return {
      ...(marked ? { extension: [representation(group)] } : {}),
      ...(use === undefined ? {} : { use }),
      ...(wordsOf(group).length > 1 ? { text } : {}),
      ...(group.family === undefined ? {} : { family: group.family }),
      ...(group.given.length === 0 ? {} : { given: [...group.given] }),
      ...(group.prefix.length === 0 ? {} : { prefix: [...group.prefix] }),
      ...(group.suffix.length === 0 ? {} : { suffix: [...group.suffix] }),
    };
  });
}

/** @returns a person's name as people write it, from the first component group; for `Reference.display` */
export function displayName(name: PersonName): string | undefined {
  const [group] = name.groups;
  return group === undefined ? undefined : textOf(group);
}

function representation(group: PersonNameGroup): { url: string; valueCode: string } {
  return { url: NAME_REPRESENTATION_EXTENSION, valueCode: REPRESENTATION_CODES[group.representation] };
}

function textOf(group: PersonNameGroup): string {
  return wordsOf(group).join(' ');
}

/** Prefix, given, family, suffix; ideographic and phonetic names are written family first. */
function wordsOf(group: PersonNameGroup): readonly string[] {
  const family = group.family === undefined ? [] : [group.family];
  if (group.representation !== 'alphabetic') return [...group.prefix, ...family, ...group.given, ...group.suffix];
  return [...group.prefix, ...group.given, ...family, ...group.suffix];
}
