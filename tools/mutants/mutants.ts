/**
 * The mutants: small changes of the production source that a named test must notice, one row each.
 * Must never hold a change that only breaks the syntax: such a row proves nothing.
 * @module
 */

/** Replaces the one place where `search` stands in `file`. */
export interface Edit {
  /** Path from the repository's root. */
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly search: string;
  readonly replace: string;
}

export interface Mutant {
  /** What is lost, as in `redelivery without the claim id`; printed beside the verdict. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Test files, paths from the repository's root; at least one of their tests must fail. */
  readonly tests: readonly string[];
}

export const mutants: readonly Mutant[] = [];
