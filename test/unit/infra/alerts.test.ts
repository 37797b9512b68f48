import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { events as toldEvents, metrics as toldMetrics } from '../../../src/telemetry/names';
import { checkQuery } from '../../support/kusto';
import { alertRules, dimensionsIn, namesIn, watchedSignals, workbookQueries } from '../../support/watchedSignals';

const operate = readFileSync(join(__dirname, '../../../docs/operate.md'), 'utf8');

describe('the alerts', () => {
  it('and the workbook ask only for metrics and events that the app has', async () => {
    const { metrics, events } = await watchedSignals();
    expect(metrics.length).toBeGreaterThan(8);
    expect(metrics.filter((name) => !(name in toldMetrics))).toEqual([]);
    expect(events.filter((name) => !(name in toldEvents))).toEqual([]);
  });

  it('and the workbook look only at dimensions that what they ask for has', async () => {
    const has = (names: readonly string[], told: Readonly<Record<string, object>>): readonly string[] =>
      names.flatMap((name) => Object.values(told[name] ?? {}).flat() as readonly string[]);
    for (const { query, ...named } of [...(await alertRules()), ...workbookQueries()]) {
      const { metrics, events } = namesIn(query);
      const known = [...has(metrics, toldMetrics), ...has(events, toldEvents)];
      const unknown = dimensionsIn(query).filter((name) => !known.includes(name));
      expect({ ...named, unknown }).toMatchObject({ unknown: [] });
    }
  });

  it('each ask for something by name, so that the check above sees it', async () => {
    for (const { query, ...named } of [...(await alertRules()), ...workbookQueries()]) {
      const { metrics, events } = namesIn(query);
      expect({ ...named, names: metrics.length + events.length }).not.toMatchObject({ names: 0 });
    }
  });

  it('are queries that Kusto takes, with the figure and the dimension that the rule compares', async () => {
    for (const { key, query, dimension } of await alertRules()) {
      const { problems, columns } = checkQuery(query);
      expect({ key, problems }).toEqual({ key, problems: [] });
      expect([...columns]).toEqual(expect.arrayContaining(['figure', ...(dimension === '' ? [] : [dimension])]));
    }
  });

  it('each have a paragraph for the operator, and no paragraph is left over', async () => {
    const keys = (await alertRules()).map(({ key }) => key);
    const section = /\n## Alerts\n(.*?)\n## /s.exec(operate)?.[1] ?? '';
    expect([...section.matchAll(/^### `([a-z-]+)`/gm)].map(([, key]) => key)).toEqual(keys);
  });
});

describe('the workbook', () => {
  it('has queries that Kusto takes', () => {
    const wrong = workbookQueries()
      .map(({ name, query }) => ({ name, ...checkQuery(query) }))
      .filter(({ problems }) => problems.length > 0);
    expect(wrong).toEqual([]);
  });
});

describe('the check of a query', () => {
  it.each([
    ['an operator that there is none of', 'customMetrics | wher true'],
    ['a column that the table has not', "customEvents | where nam == 'x'"],
    ['a function that there is none of', 'customMetrics | summarize figure = total(value)'],
  ])('finds %s', (_, query) => {
    expect(checkQuery(query).problems).not.toEqual([]);
  });

  it('tells metrics from events', () => {
    const query = "union (customMetrics | where name in ('a', 'b')), (customEvents | where name == 'c')";
    expect(namesIn(query)).toEqual({ metrics: ['a', 'b'], events: ['c'] });
  });
});
