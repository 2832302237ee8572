/**
 * What a verb is: arguments, options, examples, and what it does.
 * It must never load what only another verb needs.
 * @module
 */
import type { Context } from './context.ts';

/** Flags of one option, as commander writes them, and its help text. */
export interface OptionSpec<F extends string = string> {
  readonly flags: F;
  readonly help: string;
}

/** `--to <id...>` gives strings, `--file <path>` a string, `--force` and `--no-ack` a boolean. */
type ValueOf<F extends string> = F extends `${string}<${string}...>`
  ? readonly string[]
  : F extends `${string}<${string}>`
    ? string | undefined
    : boolean;

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;
export type OptionValues<O extends OptionSpecs> = { readonly [N in keyof O]: ValueOf<O[N]['flags']> };

export interface Example {
  /** The command as a person types it. */
  readonly command: string;
  readonly does: string;
}

export interface Verb<O extends OptionSpecs = OptionSpecs> {
  /** Paragraphs below the summary. Default none. */
  readonly description?: string;
  /** Positional arguments as commander writes them, with their help: `<id>`, `[file]`. Default none. */
  readonly arguments?: Readonly<Record<string, string>>;
  readonly options?: O;
  readonly examples: readonly [Example, ...Example[]];
  /** Further help, made only when this verb is named. Default none. */
  readonly details?: () => Promise<string>;
  /** Whether the arguments are another program's business and arrive unread. Default false. */
  readonly isPassThrough?: boolean;
  /** Does it. Throws what `endingOf` turns into the exit status. */
  run(
    context: Context,
    input: { readonly arguments: readonly string[]; readonly options: OptionValues<O> },
  ): Promise<void>;
}

/** Gives a verb its types: option values follow from the flags. */
export function defineVerb<const O extends OptionSpecs>(verb: Verb<O>): Verb {
  return verb;
}
