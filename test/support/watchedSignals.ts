import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type BicepValue, objectsOf, parseBicep, propertyNamed } from './bicep/syntax';

const MODULES = join(__dirname, '..', '..', 'infra', 'modules');

/** An alert of infra/modules/alerts.bicep. */
interface AlertRule {
  readonly key: string;
  readonly query: string;
  readonly dimension: string;
}

export async function alertRules(): Promise<readonly AlertRule[]> {
  const rules = (await parseBicep(join(MODULES, 'alerts.bicep'))).variables.get('rules');
  const objects = rules?.kind === 'array' ? rules.items.flatMap(objectsOf) : [];
  return objects.map((rule) => ({
    key: textOf(rule, 'key'),
    query: textOf(rule, 'query'),
    dimension: textOf(rule, 'dimension'),
  }));
}

function textOf(rule: BicepValue, name: string): string {
  const value = propertyNamed(rule, name);
  if (value?.kind !== 'string' || value.text === undefined) throw new Error(`A rule has no plain text as its ${name}`);
  return value.text;
}

const workbook = z.object({
  items: z.array(z.object({ type: z.number(), name: z.string(), content: z.object({ query: z.string().optional() }) })),
});

/** The queries of the workbook, its parameters replaced as the portal does it. */
export function workbookQueries(): readonly { readonly name: string; readonly query: string }[] {
  const { items } = workbook.parse(JSON.parse(readFileSync(join(MODULES, 'workbook.json'), 'utf8')));
  return items.flatMap(({ name, content: { query } }) =>
    query === undefined ? [] : [{ name, query: query.replaceAll('{TimeRange:grain}', '5m') }],
  );
}

/** The names of metrics and events that a query asks for, by its table. */
export function namesIn(query: string): { readonly metrics: readonly string[]; readonly events: readonly string[] } {
  const metrics = new Set<string>();
  const events = new Set<string>();
  let into = metrics;
  const pattern = /\b(customMetrics|customEvents)\b|\bname (?:==|in) ?(\([^)]*\)|'[^']*')/g;
  for (const [, table, names = ''] of query.matchAll(pattern)) {
    if (table !== undefined) into = table === 'customMetrics' ? metrics : events;
    for (const [, name = ''] of names.matchAll(/'([^']*)'/g)) into.add(name);
  }
  return { metrics: [...metrics], events: [...events] };
}

/** The dimensions and properties that a query looks at. */
export const dimensionsIn = (query: string): readonly string[] =>
  [...query.matchAll(/customDimensions\['([^']*)'\]/g)].map(([, name = '']) => name);

/** Every name that an alert or the workbook asks for. */
export async function watchedSignals(): Promise<ReturnType<typeof namesIn>> {
  const asked = [...(await alertRules()), ...workbookQueries()].map(({ query }) => namesIn(query));
  return {
    metrics: [...new Set(asked.flatMap(({ metrics }) => metrics))].sort(),
    events: [...new Set(asked.flatMap(({ events }) => events))].sort(),
  };
}
