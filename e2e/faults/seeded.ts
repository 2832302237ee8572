/**
 * Chance that can be had again: everything that a run chooses comes from its seed.
 * It must never be used for keys or ids of the protocol.
 * @module
 */

/** A source of choices. */
export interface Chance {
  /** Whether something with this probability happens. */
  happens(probability: number): boolean;
  /** An integer from 0 to below the limit. */
  below(limit: number): number;
  one<T>(from: readonly T[]): T;
  shuffled<T>(items: readonly T[]): readonly T[];
}

/** @param seed - the same seed gives the same choices in the same order. @source mulberry32, public domain, by Tommy Ettinger */
export function seededChance(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    happens: (probability) => next() < probability,
    below,
    one: (from) => {
      if (from.length === 0) throw new RangeError('Cannot choose: there is nothing to choose from');
      return from[below(from.length)]!;
    },
    shuffled: (items) => {
      const left = [...items];
      return items.map(() => left.splice(below(left.length), 1)[0]!);
    },
  };
}
