import type { Element, HumanName } from 'fhir/r4';
import type { PersonName, PersonNameGroup } from '../dicom/personName';
import type { MappingOptions } from './options';
import { NAME_QUALIFIER_EXTENSION, NAME_REPRESENTATION_EXTENSION } from './systems';

/** Values of the iso21090-EN-representation extension, as JP Core uses them. */
const REPRESENTATION_CODES = { alphabetic: 'ABC', ideographic: 'IDE', phonetic: 'SYL' } as const;

/**
 * @returns one name for each component group. A group carries its representation when it is not alphabetic, or when
 *   there is another one to tell it from.
 */
export function humanNames(
  name: PersonName,
  options: Pick<MappingOptions, 'middleNameQualifier'>,
  use?: 'usual' | 'official',
): readonly HumanName[] {
  return name.groups.map((group) => {
    const text = textOf(group);
    const given = [...group.given, ...group.middle];
    const qualified = options.middleNameQualifier && group.middle.length > 0;
    const marked = group.representation !== 'alphabetic' || name.groups.length > 1;
    return {
      ...(marked ? { extension: [representation(group)] } : {}),
      ...(use === undefined ? {} : { use }),
      ...(wordsOf(group).length > 1 ? { text } : {}),
      ...(group.family === undefined ? {} : { family: group.family }),
      ...(given.length === 0 ? {} : { given }),
      ...(qualified ? { _given: qualifiers(group) } : {}),
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

/** One for each given name; FHIR JSON wants null where there is nothing to say (R4 json.html, primitive elements). */
function qualifiers({ given, middle }: PersonNameGroup): Element[] {
  const qualifier = { extension: [{ url: NAME_QUALIFIER_EXTENSION, valueCode: 'MID' }] };
  return [...given.map(() => null), ...middle.map(() => qualifier)] as Element[];
}

function textOf(group: PersonNameGroup): string {
  return wordsOf(group).join(' ');
}

/** Prefix, given, family, suffix; ideographic and phonetic names are written family first. */
function wordsOf(group: PersonNameGroup): readonly string[] {
  const family = group.family === undefined ? [] : [group.family];
  const given = [...group.given, ...group.middle];
  if (group.representation !== 'alphabetic') return [...group.prefix, ...family, ...given, ...group.suffix];
  return [...group.prefix, ...given, ...family, ...group.suffix];
}
