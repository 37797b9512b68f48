import { ElementList } from './elementList';
import { type DicomDataset, type DicomElement, isObject, readDataset, readTagged } from './dataset';
import type { DataIssue } from './dataIssue';
import { OPEN_BRACE } from './jsonBytes';
import { type Member, type Members, readAlike, readMembers, stretchesOf } from './jsonMembers';
import type { ElementParser, ParsedElement } from './parseMetadata';

/** A data set that follows another one. */
export interface SimilarDataset extends DicomDataset {
  /** The elements that are not the same objects as in the one before, by tag. */
  readonly changed: readonly (readonly [tag: string, element: DicomElement])[];
}

/** The data set that was read last, of whichever study: others from the same modality have the same attributes, and many of its values. */
export interface LastDataset {
  read?: Remembered;
}

/**
 * Parses data sets that are much alike, such as the instances of a study (DICOM JSON, PS3.18 F.2): a member with the same bytes as in the
 * one before is neither parsed nor read again, its element is the same object. Anything but compact JSON with tags as names goes to
 * JSON.parse as a whole. Gives what `readDataset` makes of the JSON, undefined for what is no object.
 * @param last what the first one is compared with; it is set to the last one that was read. In the first all elements count as changed
 */
export function similarDatasets(last: LastDataset = {}): ElementParser<SimilarDataset | undefined> {
  let before: Remembered = last.read ?? NOTHING;
  let isFirst = true;

  function remember(now: Remembered): void {
    before = now;
    last.read = now;
    isFirst = false;
  }

  function parseAt(bytes: Buffer, start: number): ParsedElement<SimilarDataset | undefined> | undefined {
    if (bytes[start] !== OPEN_BRACE) return undefined;
    const alike = readAlike(bytes, start + 1, before.members);
    if (alike === undefined) return parseOther(bytes, start);
    const issues: DataIssue[] = [];
    const changed = alike.changed.map(({ name, value }) => readTagged(name, value, issues));
    const elements = before.elements.with(changed);
    const value = { elements, issues, changed: isFirst ? [...elements] : changed };
    // What differs from study to study says nothing of what does within one.
    const members = isFirst ? inOneStretch(alike.members) : alike.members;
    remember(issues.length === 0 ? { members, elements } : NOTHING);
    return { value, end: alike.members.end };
  }

  /** With other names than the one before, or with those in another order. */
  function parseOther(bytes: Buffer, start: number): ParsedElement<SimilarDataset | undefined> | undefined {
    const members = readMembers(bytes, start + 1, before.members);
    if (members === undefined) return undefined;
    const end = members.reduce((at, { length }) => at + length, start + 1);
    const dataset = readDataset(objectOf(members));
    const { issues } = dataset;
    const changed = [...dataset.elements];
    // Where all is well each member is an element of its own, and the next data set can be a copy.
    if (issues.length > 0 || changed.length !== members.length) {
      remember(NOTHING);
      return { value: { ...dataset, changed }, end };
    }
    const elements = ElementList.of(dataset.elements);
    remember({ members: { bytes, start: start + 1, end, stretches: stretchesOf(members) }, elements });
    return { value: { elements, issues, changed }, end };
  }

  return {
    parseAt(bytes, start) {
      try {
        return parseAt(bytes, start);
      } catch (error) {
        if (error instanceof SyntaxError) return undefined;
        throw error;
      }
    },
    parse(bytes) {
      const parsed = parseAt(bytes, 0);
      if (parsed?.end === bytes.length) return parsed.value;
      const json: unknown = JSON.parse(bytes.toString('utf8'));
      if (!isObject(json)) return undefined;
      const dataset = readDataset(json);
      return { ...dataset, changed: [...dataset.elements] };
    },
  };
}

interface Remembered {
  readonly members: Members;
  /** One for each member. */
  readonly elements: ElementList;
}

const NOTHING: Remembered = {
  members: { bytes: Buffer.alloc(0), start: 0, end: 0, stretches: [] },
  elements: ElementList.of(new Map()),
};

const inOneStretch = (members: Members): Members => ({
  ...members,
  stretches: stretchesOf(members.stretches.flatMap((stretch) => stretch.members)),
});

function objectOf(members: readonly Member[]): Record<string, unknown> {
  return Object.fromEntries(members.map(({ name, value }) => [name, value]));
}
