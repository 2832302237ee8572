/**
 * The terminal of the demonstration on Kubernetes: commands are printed as a person would type them, then run, then their
 * output. It must never print a command other than the one that runs.
 * @module
 */
import type { Outcome, World } from '../../e2e/run/world.ts';
import { print } from '../stage.ts';

export interface TypeOptions {
  /** Default 60. */
  readonly seconds?: number;
  /** Exit status that the story needs; another one ends the demonstration. Default 0; `any` where the output decides. */
  readonly expect?: number | 'any';
}

/** Someone who types into a shell, with a prompt of their name. */
export class Typist {
  readonly #world: World;
  readonly #name: string;

  constructor(world: World, name: string) {
    this.#world = world;
    this.#name = name;
  }

  /** Runs a line of a shell, or several. @returns what it printed */
  type(command: string, { seconds = 60, expect = 0 }: TypeOptions = {}): Outcome {
    const [first = '', ...others] = command.split('\n');
    print(`${this.#name}$ ${first}`);
    for (const line of others) print(`> ${line}`);
    const outcome = this.#world.tryShell(command, { seconds });
    const text = `${outcome.stdout}${outcome.stderr}`.trimEnd();
    if (text !== '') print(text.replaceAll(/^/gm, '   '));
    if (expect !== 'any' && outcome.status !== expect)
      throw new Error(`Exit status ${outcome.status}, expected ${expect}: ${command}`);
    return outcome;
  }
}
