import { commandLineOptions } from '../../cli/reconcile/options';
import { guards } from '../../src/payloads/guards/guards';

/** The options of the command line, as its `--help` has them. */
export function optionsTable(): string {
  const rows = commandLineOptions().options.map(({ flags, description, defaultValue, argChoices }) => {
    const choices = argChoices === undefined ? '' : `: ${argChoices.join(', ')}`;
    const fallback = typeof defaultValue === 'string' || typeof defaultValue === 'number' ? `\`${defaultValue}\`` : '';
    return `| \`${cell(flags)}\` | ${fallback} | ${cell(description)}${choices} |`;
  });
  return ['| Option | Default | Meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

/** What ends a run before it deletes. */
export function guardsTable(): string {
  const rows = Object.entries(guards).map(
    ([name, guard]) => `| \`${name}\` | ${guard.meaning} | ${'override' in guard ? guard.override : ''} |`,
  );
  return ['| Guard | What it means | Value of `--override` |', '| --- | --- | --- |', ...rows].join('\n');
}

const cell = (text: string): string => text.replaceAll('|', '\\|');
