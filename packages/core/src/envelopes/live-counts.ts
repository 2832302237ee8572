/**
 * Counts what is live per writer, for a quota: wraps stored or claimed, or stored versions of secrets.
 * It must never be taken for more than it is: a brake, not an account.
 *
 * What it guarantees: one process never lets a writer exceed the limit by items that this process stored since the last
 * completed pass, however many requests run at once, because a place is taken before the transaction. What it does not:
 * replicas count apart between passes, so a writer that spreads its requests over r of them may reach r times the limit until
 * each has passed over the store; after a restart the count starts at zero until the first pass is complete; and an item
 * whose storing had no answer is not counted until then.
 * @module
 */

interface Pass {
  /** Last key visited: changes at or before it are in the tally already, so they must be added to it. */
  cursor: string;
  readonly tally: Map<string, number>;
}

function add(counts: Map<string, number>, writer: string, difference: number): void {
  const count = (counts.get(writer) ?? 0) + difference;
  if (count > 0) counts.set(writer, count);
  else counts.delete(writer);
}

/** Corrected by every complete pass of the sweeper. */
export class LiveCounts {
  readonly #limit: number;
  #counts = new Map<string, number>();
  #pass: Pass | undefined;

  constructor(limit: number) {
    if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError('Cannot count: the limit is not positive');
    this.#limit = limit;
  }

  /** Of all writers; costs a walk over them. */
  get total(): number {
    return this.#counts.values().reduce((sum, count) => sum + count, 0);
  }

  of(writer: string): number {
    return this.#counts.get(writer) ?? 0;
  }

  /** Takes a place for an item that is about to be stored; false if the writer has none left. */
  reserve(writer: string, key: string): boolean {
    if (this.of(writer) >= this.#limit) return false;
    this.#change(writer, key, 1);
    return true;
  }

  /** Gives a place back: the item was not stored, or has ended. */
  release(writer: string, key: string): void {
    this.#change(writer, key, -1);
  }

  beginPass(): void {
    this.#pass = { cursor: '', tally: new Map() };
  }

  /** The pass has come to this key; `writer` if a live item is there. */
  visit(key: string, writer: string | undefined): void {
    if (this.#pass === undefined) return;
    this.#pass.cursor = key;
    if (writer !== undefined) add(this.#pass.tally, writer, 1);
  }

  /** The pass is complete: what it counted replaces what was believed. */
  endPass(): void {
    if (this.#pass !== undefined) this.#counts = this.#pass.tally;
    this.#pass = undefined;
  }

  #change(writer: string, key: string, difference: number): void {
    add(this.#counts, writer, difference);
    if (this.#pass !== undefined && key <= this.#pass.cursor) add(this.#pass.tally, writer, difference);
  }
}
