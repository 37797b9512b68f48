import { z } from 'zod';
import { parseJson } from '../../src/http/json';

const measureSchema = z.object({
  name: z.string(),
  value: z.number(),
  better: z.enum(['higher', 'lower']),
  target: z.number().optional(),
  informative: z.boolean().optional(),
});
const runSchema = z.object({
  scale: z.number(),
  benches: z.array(z.object({ name: z.string(), measures: z.array(measureSchema).readonly(), details: z.unknown() })),
});

/** What `--json` prints and `--save` writes. */
export type SavedRun = z.output<typeof runSchema>;

/** @throws Error when the text is no saved run */
export function readSavedRun(text: string): SavedRun {
  const parsed = runSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new Error('The file to compare with is no saved run: make one with npm run bench -- --save FILE');
}
