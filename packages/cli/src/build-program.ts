/**
 * The verbs as commander's commands, with their help.
 * It must never load a verb that the command line does not name, unless all are asked for.
 * @module
 */
import { Command, Option } from 'commander';
import type { Example, OptionSpecs, Verb } from './verb.ts';
import { verbTable, type VerbEntry, type VerbGroup } from './verb-table.ts';
import { version } from './version.ts';

/** Options that every verb takes. */
export const globalOptions = {
  profile: { flags: '--profile <name>', help: 'profile of config.yaml (LETTERLOCK_PROFILE)' },
  address: {
    flags: '--address <url>',
    help: 'address of the service; again for each further replica (LETTERLOCK_ADDRESS, commas between)',
  },
  dial: {
    flags: '--dial <host:port>',
    help: 'where a replica of that address is dialled; again for each further one (LETTERLOCK_DIAL)',
  },
  key: { flags: '--key <key>', help: 'your key file, or a key on a card: pkcs11:… (LETTERLOCK_KEY)' },
  trust: { flags: '--trust <fingerprint>', help: 'the only instance key to accept (LETTERLOCK_TRUST)' },
  output: { flags: '-o, --output <format>', help: 'table or json' },
  quiet: { flags: '-q, --quiet', help: 'print only the result' },
} as const satisfies OptionSpecs;

export const programExamples: readonly Example[] = [
  { command: 'letterlock key generate --out alice.key', does: 'make your key' },
  { command: 'letterlock wrap --to bob --path team-a/db --file db.pem', does: 'encrypt a file for bob and store it' },
  { command: 'letterlock open iTM3E3-mXIFyJ2MKOjYShQ --out db.pem', does: 'open what was wrapped for you, once' },
];

/** Not variadic: what follows the value is the verb's. */
const repeatable: ReadonlySet<string> = new Set(['address', 'dial']);

function append(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

export type RunVerb = (verb: Verb, command: Command) => Promise<void>;

/** Builds the program; verbs whose words all occur in `words` are loaded, the others are known by name and summary. */
export async function buildProgram(words: ReadonlySet<string>, run: RunVerb): Promise<Command> {
  const program = new Command('letterlock')
    .description('Letterlock keeps secrets that open once, for one key, without tokens.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [verb]', 'show the help of a verb')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .addHelpText('after', examplesText(programExamples));
  for (const [name, { flags, help }] of Object.entries(globalOptions)) {
    const option = new Option(flags, help);
    if (name === 'output') option.choices(['table', 'json']);
    if (repeatable.has(name)) option.argParser(append);
    program.addOption(option);
  }
  for (const [heading, entries] of Object.entries(verbTable)) {
    program.commandsGroup(heading);
    for (const [name, entry] of Object.entries(entries)) {
      const command = program.command(name).description(entry.summary);
      if ('verbs' in entry) await addGroup(command, name, entry, words, run);
      else await fill(command, entry, words.has(name), run);
    }
  }
  return program;
}

async function addGroup(
  command: Command,
  name: string,
  group: VerbGroup,
  words: ReadonlySet<string>,
  run: RunVerb,
): Promise<void> {
  for (const [leaf, entry] of Object.entries(group.verbs)) {
    const isNamed = words.has(name) && words.has(leaf);
    await fill(command.command(leaf).description(entry.summary), entry, isNamed, run);
  }
  if (group.itself !== undefined) await fill(command, group.itself, words.has(name), run);
}

async function fill(command: Command, entry: VerbEntry, isNamed: boolean, run: RunVerb): Promise<void> {
  if (!isNamed) return;
  const { verb } = await entry.load();
  if (verb.description !== undefined) command.description(`${entry.summary}.\n\n${verb.description}`);
  for (const [name, help] of Object.entries(verb.arguments ?? {})) command.argument(name, help);
  for (const { flags, help } of Object.values(verb.options ?? {})) command.option(flags, help);
  if (verb.details !== undefined) command.addHelpText('after', `\n${await verb.details()}`);
  command.addHelpText('after', examplesText(verb.examples));
  if (verb.isPassThrough === true) {
    command.parent?.enablePositionalOptions();
    command.allowUnknownOption().allowExcessArguments().passThroughOptions().usage('[settings]');
  }
  command.action(() => run(verb, command));
}

function examplesText(examples: readonly Example[]): string {
  return `\nExamples:\n${examples.map(({ command, does }) => `  ${command}\n      ${does}`).join('\n')}`;
}
