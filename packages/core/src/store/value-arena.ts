/**
 * Where the memory store keeps values: packed into large blocks, because an array of its own costs 300 bytes and a visit by
 * the garbage collector for each value. It must never give out a view of its blocks, nor leave the bytes of what was freed.
 * @module
 */

const blockBytes = 1_048_576;
/** Sizes are rounded up to a multiple of this, one free list for each. */
const grainBytes = 64;
/** Longer values get an array of their own, for which 300 bytes are little. */
const longestPacked = 4096;

/** At least one, so that an empty value has a place as well. */
function grainsOf(length: number): number {
  return Math.max(1, Math.ceil(length / grainBytes));
}

/** Where a value lies; valid until it is freed. */
export type Place = number | Uint8Array;

/** Copies in and copies out. Freed bytes are zeroed at once: an envelope that was burned is gone, not merely unreachable. */
export class ValueArena {
  readonly #blocks: Uint8Array[] = [];
  /** Freed places of each size, in grains. */
  readonly #free: number[][] = Array.from({ length: longestPacked / grainBytes + 1 }, () => []);
  /** First unused byte of the last block. */
  #used = blockBytes;

  put(value: Uint8Array): Place {
    if (value.length > longestPacked) return new Uint8Array(value);
    const place = this.#allocate(grainsOf(value.length));
    this.#blockOf(place).set(value, place % blockBytes);
    return place;
  }

  /** A copy. `length`: as it was put. */
  get(place: Place, length: number): Uint8Array {
    if (typeof place !== 'number') return new Uint8Array(place);
    const offset = place % blockBytes;
    return this.#blockOf(place).slice(offset, offset + length);
  }

  free(place: Place, length: number): void {
    if (typeof place !== 'number') {
      place.fill(0);
      return;
    }
    const offset = place % blockBytes;
    this.#blockOf(place).fill(0, offset, offset + length);
    this.#free[grainsOf(length)]!.push(place);
  }

  #allocate(grains: number): number {
    const freed = this.#free[grains]!.pop();
    if (freed !== undefined) return freed;
    const bytes = grains * grainBytes;
    if (this.#used + bytes > blockBytes) {
      this.#blocks.push(new Uint8Array(blockBytes));
      this.#used = 0;
    }
    const place = (this.#blocks.length - 1) * blockBytes + this.#used;
    this.#used += bytes;
    return place;
  }

  #blockOf(place: number): Uint8Array {
    return this.#blocks[Math.floor(place / blockBytes)]!;
  }
}
