import { InvalidArgumentError } from 'commander';
import { guards, type Overrides } from '../../src/payloads/guards/guards';

const NUMBERS = ['orphan-share', 'orphan-count'] as const;
const TEXTS = ['database-restored', 'stale-database', 'wrongly-deleted'] as const;
/** With commas between them; given again, they add up. */
const LISTS = ['wrong-pair', 'unproven', 'other-tenant'] as const;

/**
 * @param text name of a guard, `=`, and the value that its problem names
 * @throws InvalidArgumentError
 */
export function withOverride(overrides: Overrides, text: string): Overrides {
  const [, name, value] = /^([a-z-]+)=(.+)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError('Expected the name of a guard, =, and the value that it names.');
  const number = NUMBERS.find((guard) => guard === name);
  if (number !== undefined) return { ...overrides, [number]: numberOf(number, value) };
  const list = LISTS.find((guard) => guard === name);
  if (list !== undefined) return { ...overrides, [list]: [...(overrides[list] ?? []), ...value.split(',')] };
  const plain = TEXTS.find((guard) => guard === name);
  if (plain !== undefined) return { ...overrides, [plain]: value };
  const known = Object.entries(guards).flatMap(([guard, means]) => ('override' in means ? [guard] : []));
  throw new InvalidArgumentError(`Expected one of ${known.join(', ')}.`);
}

function numberOf(guard: string, text: string): number {
  if (/^\d{1,12}(\.\d{1,6})?$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`Expected a number after ${guard}=.`);
}
