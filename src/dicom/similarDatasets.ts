import { ElementList } from './elementList';
import { type DicomDataset, isObject, readDataset, type TaggedElement, taggedElements } from './dataset';
import { Attribute, attributeOfTag } from './attributes';
import { type DataIssue, NO_ISSUES } from './dataIssue';
import { OPEN_BRACE } from '../http/jsonCharacters';
import {
  afterBlanks,
  isRead,
  type Member,
  type Members,
  membersIn,
  readAlike,
  readMembers,
  stretchesOf,
  type Text,
  textOf,
} from './jsonMembers';
import type { ElementParser, ParsedElement } from './parseMetadata';

/** A data set that follows another one. */
export interface SimilarDataset extends DicomDataset {
  /**
   * The elements that are not the same objects as in an earlier one of the same array. Among them are those of other attributes than this
   * project reads, as they may name somebody; only a text that is no name, and numbers, are left out.
   */
  readonly changed: readonly TaggedElement[];
}

/** The first data sets of the latest studies, one for each SOP class: others of it have the same attributes, and many of the values. */
export class KnownDatasets {
  readonly #bySopClass = new Map<string, Remembered>();

  get(sopClass: string): Remembered | undefined {
    return this.#bySopClass.get(sopClass);
  }

  set(sopClass: string, known: Remembered): void {
    this.#bySopClass.delete(sopClass);
    this.#bySopClass.set(sopClass, known);
    const [eldest] = this.#bySopClass.keys();
    if (this.#bySopClass.size > MAX_KNOWN && eldest !== undefined) this.#bySopClass.delete(eldest);
  }
}

/** More than the modalities of a hospital send in turns. Each holds its data set, and the bytes that it arrived with. */
const MAX_KNOWN = 16;

/** Forms of one study: attributes that only some of its images have come and go, as those of localizers do. */
const MAX_FORMS = 4;

/** Those of images are some thousand bytes long; of longer ones only the last is remembered. */
const MAX_KNOWN_BYTES = 128 * 1024;

/**
 * Parses data sets that are much alike, such as the instances of a study (DICOM JSON, PS3.18 F.2): a member with the same bytes as in the
 * last one of its form is neither parsed nor read again, its element is the same object. Anything but tags as names, with colons right after
 * them, goes to JSON.parse as a whole. Gives what `readDataset` makes of the JSON, as far as this project reads it, in the order of the text,
 * undefined for what is no object.
 * @param known what the first one is compared with; it becomes one of them. In the first all of them count as changed
 */
export function similarDatasets(known = new KnownDatasets()): ElementParser<SimilarDataset | undefined> {
  /** The latest data set of each of the latest forms, the last one first. */
  const before: Remembered[] = [];

  function parseAt(bytes: Buffer, start: number): Parsed | undefined {
    if (bytes[start] !== OPEN_BRACE) return undefined;
    if (before.length === 0) return parseFirst(bytes, start);
    const text = textIn(bytes, before);
    for (const known of before) {
      const parsed = parseAlike(text, start, known);
      if (parsed === undefined) continue;
      remember(parsed, before.indexOf(known));
      return parsed;
    }
    const parsed = parseOther(text, start, before[0] ?? NOTHING);
    if (parsed !== undefined) remember(parsed, MAX_FORMS - 1);
    return parsed;
  }

  /** @param place of the one whose turn is over: that of the same form, or the eldest */
  function remember({ remembered }: Parsed, place: number): void {
    if (remembered === NOTHING) return;
    const { start, end } = remembered.members;
    if (end - start > MAX_KNOWN_BYTES) before.splice(0, before.length, remembered);
    else if (place > 0) {
      before.splice(place, 1);
      before.unshift(remembered);
    } else before[0] = remembered;
  }

  function parseFirst(bytes: Buffer, start: number): Parsed | undefined {
    const sopClass = sopClassAt(bytes, start);
    const similar = known.get(sopClass) ?? NOTHING;
    const text = textIn(bytes, [similar]);
    const parsed = parseAlike(text, start, similar) ?? parseOther(text, start, similar);
    if (parsed === undefined) return undefined;
    const { value, end, remembered } = parsed;
    if (remembered === NOTHING) return parsed;
    if (end - start <= MAX_KNOWN_BYTES) known.set(sopClass, remembered);
    // What differs from study to study says nothing of what does within one.
    const members = allMembers(remembered.members);
    before.push({ ...remembered, members: { ...remembered.members, stretches: stretchesOf(members) } });
    return { value: { ...value, changed: members.filter(isRead) }, end, remembered };
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
      if (parsed !== undefined && afterBlanks(bytes, parsed.end) === bytes.length) return parsed.value;
      const json: unknown = JSON.parse(bytes.toString('utf8'));
      if (!isObject(json)) return undefined;
      const dataset = readDataset(json);
      return { ...dataset, changed: taggedElements(dataset.elements) };
    },
  };
}

interface Parsed extends ParsedElement<SimilarDataset> {
  readonly remembered: Remembered;
}

function textIn(bytes: Buffer, known: readonly Remembered[]): Text {
  const [latest] = known;
  return latest?.members.text.bytes === bytes ? latest.members.text : textOf(bytes);
}

function parseAlike(text: Text, start: number, before: Remembered): Parsed | undefined {
  const alike = readAlike(text, afterBlanks(text.bytes, start + 1), before.members);
  if (alike === undefined) return undefined;
  const { members, changed } = alike;
  const elements = before.elements.with(changed);
  const issues = before.hasIssues || changed.some(hasIssues) ? issuesOf(allMembers(members)) : NO_ISSUES;
  const remembered = { members, elements, hasIssues: issues.length > 0 };
  return { value: { elements, issues, changed }, end: members.end, remembered };
}

const hasIssues = ({ issues }: Member): boolean => issues.length > 0;
const issuesOf = (members: readonly Member[]): readonly DataIssue[] => members.flatMap(({ issues }) => issues);
const allMembers = ({ stretches }: Members): readonly Member[] => stretches.flatMap(membersIn);

/** With other names than the one before, or with those in another order. */
function parseOther(text: Text, start: number, before: Remembered): Parsed | undefined {
  const first = afterBlanks(text.bytes, start + 1);
  const members = readMembers(text, first, before.members);
  if (members === undefined) return undefined;
  const end = members.reduce((at, { length }) => at + length, first);
  const byTag = new Map(members.map(({ tag, element }) => [tag, element]));
  if (byTag.size < members.length) {
    const dataset = readDataset(objectOf(members));
    return { value: { ...dataset, changed: taggedElements(dataset.elements) }, end, remembered: NOTHING };
  }
  // Each member is an element of its own, and the next data set can be a copy.
  const elements = ElementList.of(new Map([...byTag].filter(([tag]) => attributeOfTag(tag) !== undefined)));
  const issues = members.some(hasIssues) ? issuesOf(members) : NO_ISSUES;
  const remembered = {
    members: { text, start: first, end, stretches: stretchesOf(members) },
    elements,
    hasIssues: issues.length > 0,
  };
  return { value: { elements, issues, changed: members.filter(isRead) }, end, remembered };
}

interface Remembered {
  readonly members: Members;
  /** Of the members that this project reads. */
  readonly elements: ElementList;
  /** Whether any member has. */
  readonly hasIssues: boolean;
}

const NOTHING: Remembered = {
  members: { text: textOf(Buffer.alloc(0)), start: 0, end: 0, stretches: [] },
  elements: ElementList.of(new Map()),
  hasIssues: false,
};

const SOP_CLASS_NAME = `"${Attribute.SOPClassUID.tag}"`;

/** Where elements come in the order of their tags, this one is among the first. */
const SOP_CLASS_WITHIN = 2048;

/** @returns the UID; an empty text where the data set does not begin with it */
function sopClassAt(bytes: Buffer, start: number): string {
  const text = bytes.toString('latin1', start, start + SOP_CLASS_WITHIN);
  const found = text.indexOf(SOP_CLASS_NAME);
  return found < 0 ? '' : (/"([\d.]+)"/.exec(text.slice(found + SOP_CLASS_NAME.length))?.[1] ?? '');
}

function objectOf(members: readonly Member[]): Record<string, unknown> {
  return Object.fromEntries(
    members.map(({ name, json, element: { vr, values } }) => [name, json === undefined ? { vr, Value: values } : json]),
  );
}
