/** Whether two JSON values are equal, member by member in the same order. */
export function sameJson(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one)) {
    if (!Array.isArray(other) || one.length !== other.length) return false;
    for (let index = 0; index < one.length; index++) if (!sameJson(one[index], other[index])) return false;
    return true;
  }
  if (Array.isArray(other)) return false;
  const [names, otherNames] = [Object.keys(one), Object.keys(other)];
  if (names.length !== otherNames.length) return false;
  for (let index = 0; index < names.length; index++) {
    const name = names[index] ?? '';
    if (name !== otherNames[index]) return false;
    if (!sameJson((one as Members)[name], (other as Members)[name])) return false;
  }
  return true;
}

type Members = Readonly<Record<string, unknown>>;
