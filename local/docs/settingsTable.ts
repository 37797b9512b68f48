import { describeSettings } from '../../src/settings';

/** The table of all settings in Markdown, as the README and docs/configure.md show it; a test compares. */
export function settingsTable(): string {
  const rows = describeSettings().map(({ name, description, required, defaultText }) => {
    const fallback = required ? '**required**' : defaultText === '' ? '' : `\`${defaultText}\``;
    return `| \`${name}\` | ${fallback} | ${description.replaceAll('|', '\\|')} |`;
  });
  return ['| Setting | Default | What it does |', '| --- | --- | --- |', ...rows].join('\n');
}
