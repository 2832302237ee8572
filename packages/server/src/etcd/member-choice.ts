/**
 * Chooses the member that is asked: the same one until it does not answer, then the next.
 * It must never be moved on twice by the failures of calls that were under way together.
 * @module
 */

export class MemberChoice {
  readonly #count: number;
  #current: number;
  readonly #avoided = new Set<number>();

  /** @param first - where to begin; replicas begin at different members */
  constructor(count: number, first: number) {
    this.#count = count;
    this.#current = first % count;
  }

  get current(): number {
    return this.#current;
  }

  /** A call to this member failed by the member's fault. */
  failed(index: number): void {
    if (index === this.#current) this.#moveOn();
  }

  /** Keeps away from a member until the returned function is called; the only member cannot be avoided. */
  avoid(index: number): () => void {
    this.#avoided.add(index);
    if (index === this.#current) this.#moveOn();
    return () => this.#avoided.delete(index);
  }

  #moveOn(): void {
    for (let step = 1; step <= this.#count; step += 1) {
      const next = (this.#current + step) % this.#count;
      if (this.#avoided.has(next)) continue;
      this.#current = next;
      return;
    }
  }
}
