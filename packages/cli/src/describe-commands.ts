/**
 * All verbs as data, for the reference documentation and the tests that hold every verb to its form.
 * It must never run a verb.
 * @module
 */
import { globalOptions } from './build-program.ts';
import type { Example } from './verb.ts';
import { verbTable, type VerbEntry } from './verb-table.ts';

export interface CommandDescription {
  /** Words after `letterlock`. */
  readonly name: string;
  readonly heading: string;
  readonly summary: string;
  readonly description: string | undefined;
  readonly usage: string;
  readonly arguments: readonly { readonly name: string; readonly help: string }[];
  readonly options: readonly { readonly flags: string; readonly help: string }[];
  readonly examples: readonly Example[];
}

/** Every verb, in the order of the help. */
export async function describeCommands(): Promise<readonly CommandDescription[]> {
  const leaves = Object.entries(verbTable).flatMap(([heading, entries]) =>
    Object.entries(entries).flatMap(([name, entry]): readonly (readonly [string, string, VerbEntry])[] =>
      'verbs' in entry
        ? [
            ...(entry.itself === undefined ? [] : [[heading, name, entry.itself] as const]),
            ...Object.entries(entry.verbs).map(([leaf, verb]) => [heading, `${name} ${leaf}`, verb] as const),
          ]
        : [[heading, name, entry]],
    ),
  );
  return Promise.all(leaves.map(([heading, name, entry]) => describe(heading.replace(/:$/, ''), name, entry)));
}

/** Options that every verb takes. */
export function describeGlobalOptions(): readonly { readonly flags: string; readonly help: string }[] {
  return Object.values(globalOptions);
}

async function describe(heading: string, name: string, entry: VerbEntry): Promise<CommandDescription> {
  const { verb } = await entry.load();
  const names = Object.keys(verb.arguments ?? {});
  return {
    name,
    heading,
    summary: entry.summary,
    description: verb.description,
    usage: ['letterlock', name, '[options]', ...names].join(' '),
    arguments: Object.entries(verb.arguments ?? {}).map(([argument, help]) => ({ name: argument, help })),
    options: Object.values(verb.options ?? {}),
    examples: verb.examples,
  };
}
