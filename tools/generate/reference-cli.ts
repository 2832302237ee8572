/**
 * docs/reference/cli.md, from the verbs of the command line.
 * It must never describe what \`--help\` does not.
 * @module
 */
import { describeCommands, describeGlobalOptions, type CommandDescription } from '@letterlock/cli';
import { generatedNotice, table } from './markdown.ts';

/** The whole page. */
export async function generateCommandLine(): Promise<string> {
  const commands = await describeCommands();
  const options = describeGlobalOptions().map(({ flags, help }) => [`\`${flags}\``, help]);
  return `# Command line

${generatedNotice}

Exit status: 0 done, 2 usage, 3 authentication, 4 denied, 5 gone, 6 sealed, 7 unavailable, 8 integrity. Errors are one line on standard error.
Secrets come from a file or standard input, never from arguments.

Every verb also takes:

${table(['option', 'meaning'], options)}

${commands.map(section).join('\n')}`;
}

function section(command: CommandDescription): string {
  const details = [
    ...command.arguments.map(({ name, help }) => [`\`${name}\``, help]),
    ...command.options.map(({ flags, help }) => [`\`${flags}\``, help]),
  ];
  const examples = command.examples.map(({ command: line, does }) => `# ${does}\n${line}`).join('\n');
  return [
    `## letterlock ${command.name}\n`,
    `${command.summary}.\n`,
    ...(command.description === undefined ? [] : [`${command.description}\n`]),
    `\`${command.usage}\`\n`,
    ...(details.length === 0 ? [] : [`${table(['argument or option', 'meaning'], details)}\n`]),
    `\`\`\`sh\n${examples}\n\`\`\`\n`,
  ].join('\n');
}
