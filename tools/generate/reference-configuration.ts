/**
 * docs/reference/configuration.md, from the settings of the server.
 * It must never name a key that the server does not read.
 * @module
 */
import { describeConfig, type SettingDescription } from '@letterlock/server/config';
import { generatedNotice, table } from './markdown.ts';

/** The whole page. */
export function generateConfiguration(): string {
  const rows = describeConfig().map((setting) => [
    `\`${setting.key}\``,
    setting.type,
    defaultText(setting),
    setting.flags.map((flag) => `\`${flag}\``).join(', '),
    `\`${setting.environment}\``,
    setting.description,
  ]);
  return `# Configuration of the server

${generatedNotice}

\`letterlock server --config letterlock.yaml\`. Each key may stand in the file (YAML), in an environment variable or in a flag; a flag wins over
the environment, the environment over the file, and a disagreement is logged. An unknown key stops the start and names the nearest
known one. Lists are repeated flags, or separated by commas in a variable; documents are JSON.

${table(['key', 'type', 'default', 'flag', 'environment', 'meaning'], rows)}
`;
}

function defaultText(setting: SettingDescription): string {
  if (setting.isRequired) return 'required';
  return setting.default === undefined ? 'none' : `\`${JSON.stringify(setting.default)}\``;
}
