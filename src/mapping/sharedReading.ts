import type { DicomDataset, DicomElement } from '../dicom/dataset';
import { ElementList } from '../dicom/elementList';
import { sameJson } from '../dicom/sameJson';

/** What was read from one data set. */
interface Remembered<T> {
  readonly value: T;
  /** Whether another one has the same elements where the reader asked for them, in vain or not. */
  readonly isAnswerOf: (elements: DicomDataset['elements']) => boolean;
}

/** Series of one study that come in turns. */
const REMEMBERED = 8;

/**
 * Reads a data set unless another one gave the same answers to all that the reader asked: then what was read from that one is given again,
 * the same object. The images of a series differ in few elements, so most of a study is read once.
 * @param read must depend on nothing but the elements that it asks for by tag
 */
export function sharedReading<T>(read: (dataset: DicomDataset) => T): (dataset: DicomDataset) => T {
  const recent: Remembered<T>[] = [];
  return (dataset) => {
    for (const known of recent) {
      if (!known.isAnswerOf(dataset.elements)) continue;
      // The order says who is forgotten first, so it counts from when somebody is.
      if (known !== recent[0] && recent.length === REMEMBERED)
        recent.unshift(...recent.splice(recent.indexOf(known), 1));
      return known.value;
    }
    const asked: Answer[] = [];
    const value = read({ issues: dataset.issues, elements: new AskedElements(dataset.elements, asked) });
    recent.unshift({ value, isAnswerOf: whenAsked(() => answersLike(dataset.elements, asked)) });
    if (recent.length > REMEMBERED) recent.pop();
    return value;
  };
}

/** Many studies have one instance only, so that nobody asks. */
function whenAsked(prepare: () => Remembered<unknown>['isAnswerOf']): Remembered<unknown>['isAnswerOf'] {
  // Let go of when it is done: it holds the whole data set.
  let toPrepare: typeof prepare | undefined = prepare;
  let prepared: Remembered<unknown>['isAnswerOf'] | undefined;
  return (elements) => {
    prepared ??= toPrepare?.();
    toPrepare = undefined;
    return prepared?.(elements) === true;
  };
}

/** What was said for a tag each time that somebody asked. */
interface Answer {
  readonly tag: string;
  readonly element: DicomElement | undefined;
}

function answersLike(elements: DicomDataset['elements'], asked: readonly Answer[]): Remembered<unknown>['isAnswerOf'] {
  const tags = asked.map(({ tag }) => tag);
  // Nearly every instance is a copy of the one before with a few elements replaced.
  const ofCopy = elements instanceof ElementList ? elements.comparedAt(tags, sameElement) : () => undefined;
  return (others) => ofCopy(others) ?? asked.every(({ tag, element }) => sameElement(others.get(tag), element));
}

function sameElement(one: DicomElement | undefined, other: DicomElement | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined) return false;
  return one.vr === other.vr && sameJson(one.values, other.values);
}

/** Elements that note which of them are asked for. Whoever walks over all of them depends on all, which cannot be shared. */
class AskedElements extends Map<string, DicomElement> {
  readonly #elements: ReadonlyMap<string, DicomElement>;
  readonly #asked: Answer[];

  /** @param asked is added to */
  constructor(elements: ReadonlyMap<string, DicomElement>, asked: Answer[]) {
    super();
    this.#elements = elements;
    this.#asked = asked;
  }

  override get(tag: string): DicomElement | undefined {
    const element = this.#elements.get(tag);
    this.#asked.push({ tag, element });
    return element;
  }

  override has(tag: string): boolean {
    return this.get(tag) !== undefined;
  }

  override forEach(): never {
    return this[Symbol.iterator]();
  }

  override [Symbol.iterator](): never {
    throw new Error('A shared reading asks for elements by their tags only');
  }
}
