import type { DicomElement, TaggedElement } from './dataset';

type Entry = [tag: string, element: DicomElement];

/** Elements by tag, of which a copy with some of them replaced costs little: all copies share the places of the tags. */
export class ElementList implements ReadonlyMap<string, DicomElement> {
  readonly #places: ReadonlyMap<string, number>;
  readonly #elements: readonly DicomElement[];

  private constructor(places: ReadonlyMap<string, number>, elements: readonly DicomElement[]) {
    this.#places = places;
    this.#elements = elements;
  }

  static of(elements: ReadonlyMap<string, DicomElement>): ElementList {
    return new ElementList(new Map([...elements.keys()].map((tag, place) => [tag, place])), [...elements.values()]);
  }

  /** @param changed elements of tags that are there already */
  with(changed: readonly TaggedElement[]): ElementList {
    const elements = this.#elements.slice();
    for (const { tag, element } of changed) {
      const place = this.#places.get(tag);
      if (place !== undefined) elements[place] = element;
    }
    return new ElementList(this.#places, elements);
  }

  /**
   * Prepares a comparison of many lists with this one.
   * @param same compares two elements that are not the same object
   * @returns what tells whether a copy of this list says the same for these tags; undefined of what is no copy
   */
  comparedAt(
    tags: readonly string[],
    same: (one: DicomElement | undefined, other: DicomElement | undefined) => boolean,
  ): (other: ReadonlyMap<string, DicomElement>) => boolean | undefined {
    const places = this.#places;
    // Of all elements only these are held on to.
    const ours: { readonly place: number; readonly element: DicomElement | undefined }[] = [];
    for (const tag of tags) {
      const place = places.get(tag);
      if (place !== undefined) ours.push({ place, element: this.#elements[place] });
    }
    return (other) => {
      if (!(other instanceof ElementList) || other.#places !== places) return undefined;
      for (const { place, element } of ours) {
        const theirs = other.#elements[place];
        if (theirs !== element && !same(theirs, element)) return false;
      }
      return true;
    };
  }

  get size(): number {
    return this.#elements.length;
  }

  get(tag: string): DicomElement | undefined {
    const place = this.#places.get(tag);
    return place === undefined ? undefined : this.#elements[place];
  }

  has(tag: string): boolean {
    return this.#places.has(tag);
  }

  forEach(visit: (element: DicomElement, tag: string, map: ReadonlyMap<string, DicomElement>) => void): void {
    this.#places.forEach((place, tag) => {
      const element = this.#elements[place];
      if (element !== undefined) visit(element, tag, this);
    });
  }

  keys(): MapIterator<string> {
    return this.#asMap().keys();
  }

  values(): MapIterator<DicomElement> {
    return this.#asMap().values();
  }

  entries(): MapIterator<Entry> {
    return this.#asMap().entries();
  }

  [Symbol.iterator](): MapIterator<Entry> {
    return this.entries();
  }

  #asMap(): ReadonlyMap<string, DicomElement> {
    const elements = new Map<string, DicomElement>();
    this.forEach((element, tag) => elements.set(tag, element));
    return elements;
  }
}
