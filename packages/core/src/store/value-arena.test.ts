import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ValueArena, type Place } from './value-arena.ts';

/** Around every rounding, and around the length from which a value has an array of its own. */
const lengths = [0, 1, 63, 64, 65, 127, 128, 4095, 4096, 4097, 70_000];

describe('ValueArena', () => {
  test.each(lengths)('gives back %d bytes as a copy of a copy', (length) => {
    const arena = new ValueArena();
    const value = Uint8Array.from({ length }, (_, index) => index % 251);
    const place = arena.put(value);
    const expected = Array.from(value);
    value.fill(0);
    const first = arena.get(place, length);
    expect(Array.from(first)).toEqual(expected);
    first.fill(0);
    expect(Array.from(arena.get(place, length))).toEqual(expected);
  });

  test.each(lengths)('leaves nothing of %d bytes that were freed', (length) => {
    const arena = new ValueArena();
    const place = arena.put(new Uint8Array(length).fill(7));
    arena.free(place, length);
    expect(arena.get(place, length).every((byte) => byte === 0)).toBe(true);
  });

  test('uses a freed place again', () => {
    const arena = new ValueArena();
    const place = arena.put(new Uint8Array(100));
    arena.free(place, 100);
    expect(arena.put(new Uint8Array(128))).toBe(place);
    expect(arena.put(new Uint8Array(128))).not.toBe(place);
  });

  test('never mixes values, whatever is put and freed', () => {
    const step = fc.record({ length: fc.constantFrom(...lengths), frees: fc.boolean(), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const arena = new ValueArena();
        const kept: { readonly place: Place; readonly value: Uint8Array }[] = [];
        for (const [index, { length, frees, which }] of steps.entries()) {
          if (frees && kept.length > 0) {
            const [{ place, value } = { place: 0, value: new Uint8Array() }] = kept.splice(which % kept.length, 1);
            arena.free(place, value.length);
          } else {
            const value = new Uint8Array(length).fill((index % 255) + 1);
            kept.push({ place: arena.put(value), value });
          }
        }
        for (const { place, value } of kept) expect(Buffer.compare(arena.get(place, value.length), value)).toBe(0);
      }),
    );
  });

  test('goes on in a new block', () => {
    const arena = new ValueArena();
    const places = Array.from({ length: 600 }, (_, index) => arena.put(new Uint8Array(4096).fill(index % 256)));
    expect(places.every((place, index) => arena.get(place, 4096).every((byte) => byte === index % 256))).toBe(true);
  });
});
