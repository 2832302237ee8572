/**
 * Results on standard output, as a table or as JSON; notes for people on standard error.
 * It must never mix the two, nor print text of others at a terminal without escaping it.
 * @module
 */
import { escapeForTerminal } from './escape-for-terminal.ts';

/** A value of a result. Times are seconds and shown as such in JSON. */
export type ResultValue =
  string | number | boolean | readonly ResultValue[] | { readonly [name: string]: ResultValue | undefined };
export type Result = Readonly<Record<string, ResultValue | undefined>>;

/** One line of a table: a label and a text. */
export type Row = readonly [label: string, text: string];

export interface OutputOptions {
  readonly isJson: boolean;
  readonly isQuiet: boolean;
  readonly write: (text: string) => void;
  readonly writeNote: (text: string) => void;
}

export class Output {
  readonly isJson: boolean;
  readonly isQuiet: boolean;
  readonly #write: (text: string) => void;
  readonly #writeNote: (text: string) => void;

  constructor(options: OutputOptions) {
    this.isJson = options.isJson;
    this.isQuiet = options.isQuiet;
    this.#write = options.write;
    this.#writeNote = options.writeNote;
  }

  /** One result: JSON, or labelled lines for people. `--quiet` leaves its first line's text, for scripts. */
  result(result: Result, rows: readonly Row[]): void {
    if (this.isJson) this.#json(result);
    else if (this.isQuiet) this.#write(`${escapeForTerminal(rows[0]?.[1] ?? '')}\n`);
    else {
      const width = Math.max(...rows.map(([label]) => label.length));
      for (const [label, text] of rows) {
        this.#write(`${label === '' ? '' : `${label.padEnd(width)}  `}${escapeForTerminal(text)}\n`);
      }
    }
  }

  /** Many results: JSON array under a name, or a table with a head. */
  list<T extends Result>(
    name: string,
    items: readonly T[],
    head: readonly string[],
    cells: (item: T) => readonly string[],
  ): void {
    if (this.isJson) {
      this.#json({ [name]: items });
      return;
    }
    const lines = items.map((item) => cells(item).map(escapeForTerminal));
    const rows = this.isQuiet ? lines : [head, ...lines];
    const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
    for (const row of rows) {
      this.#write(
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
      );
    }
  }

  /** Text as it is, such as a certificate. */
  text(text: string): void {
    this.#write(text);
  }

  /** A note for a person on standard error; `--quiet` leaves it out. */
  note(text: string): void {
    if (!this.isQuiet) this.#writeNote(`${escapeForTerminal(text)}\n`);
  }

  /** A warning on standard error, also with `--quiet`. */
  warn(text: string): void {
    this.#writeNote(`letterlock: Warning: ${escapeForTerminal(text)}\n`);
  }

  #json(value: Result): void {
    this.#write(`${JSON.stringify(value)}\n`);
  }
}
