/**
 * The contract suite of the barrier port: what core relies on, whichever barrier it is given.
 * It must never look at the bytes of a record except to change them.
 * @module
 */
import { describe, expect, test } from '@jest/globals';
import { encodeUtf8 } from '@letterlock/protocol';
import type { Barrier } from '../barrier.ts';

const path = 'wrap/env/iTM3E3-mXIFyJ2MKOjYShQ';
const content = encodeUtf8('{"content":"a recognisable text of some length"}');
const integrity = expect.objectContaining({ code: 'internal', reason: 'storage_integrity' });

/** Runs the contract against barriers with one and the same key. */
export function describeBarrierContract(name: string, makeBarrier: () => Barrier): void {
  describe(`${name} as a Barrier`, () => {
    describe('keyOf()', () => {
      test.each(['sys/seal', 'sys/seal-next', 'sys/epoch'])('leaves %s as it is', (literal) => {
        expect(makeBarrier().keyOf(literal)).toBe(literal);
      });

      test('gives the same key for the same path, also from another object', () => {
        expect(makeBarrier().keyOf(path)).toBe(makeBarrier().keyOf(path));
      });

      test('hides every segment', () => {
        const key = makeBarrier().keyOf('grant/alice/7');
        expect(key).not.toContain('grant');
        expect(key).not.toContain('alice');
        expect(key.split('/')).toHaveLength(3);
        for (const segment of key.split('/')) expect(segment).toMatch(/^[A-Za-z0-9_-]{22}$/);
      });

      test('keeps the parent as a prefix, so that what is below it can be listed', () => {
        const barrier = makeBarrier();
        expect(barrier.keyOf('a/b/c').startsWith(`${barrier.keyOf('a/b')}/`)).toBe(true);
        expect(barrier.keyOf('a/b').startsWith(`${barrier.keyOf('a')}/`)).toBe(true);
      });

      test('does not show that two parents have children of one name', () => {
        const barrier = makeBarrier();
        expect(barrier.keyOf('a/x').split('/')[1]).not.toBe(barrier.keyOf('b/x').split('/')[1]);
      });

      test('has different keys for different paths', () => {
        const barrier = makeBarrier();
        const paths = ['a', 'a/b', 'a/c', 'b', 'ab', 'a/b/c', 'a/bc', 'au/AAAAAAAAAAA/1', 'au/AAAAAAAAAAA/11'];
        expect(new Set(paths.map((each) => barrier.keyOf(each))).size).toBe(paths.length);
      });
    });

    describe('seal() and open()', () => {
      test.each([
        { name: 'nothing', bytes: new Uint8Array(0) },
        { name: 'a document', bytes: content },
        { name: '700,000 bytes', bytes: new Uint8Array(700_000).fill(7) },
      ])('gives back $name', ({ bytes }) => {
        const barrier = makeBarrier();
        expect(Buffer.from(barrier.open(path, barrier.seal(path, bytes)))).toEqual(Buffer.from(bytes));
      });

      test('opens what another object sealed', () => {
        expect(Buffer.from(makeBarrier().open(path, makeBarrier().seal(path, content)))).toEqual(Buffer.from(content));
      });

      test('hides the content', () => {
        expect(Buffer.from(makeBarrier().seal(path, content)).includes('recognisable')).toBe(false);
      });

      test('never gives the same record twice', () => {
        const barrier = makeBarrier();
        expect(Buffer.from(barrier.seal(path, content))).not.toEqual(Buffer.from(barrier.seal(path, content)));
      });

      test('leaves its input as it was', () => {
        const barrier = makeBarrier();
        const input = new Uint8Array(content);
        const record = barrier.seal(path, input);
        const sealed = new Uint8Array(record);
        barrier.open(path, record);
        expect(Buffer.from(input)).toEqual(Buffer.from(content));
        expect(Buffer.from(record)).toEqual(Buffer.from(sealed));
      });

      test.each(['wrap/env/iTM3E3-mXIFyJ2MKOjYShR', 'wrap/env', 'sys/seal', ''])(
        'refuses a record that was moved to "%s"',
        (otherPath) => {
          const barrier = makeBarrier();
          const record = barrier.seal(path, content);
          expect(() => barrier.open(otherPath, record)).toThrow(integrity);
        },
      );

      test('refuses a record in which any one bit was changed', () => {
        const barrier = makeBarrier();
        const record = barrier.seal(path, content);
        for (let index = 0; index < record.length; index += 1) {
          const changed = Buffer.from(record);
          changed.writeUInt8(changed.readUInt8(index) ^ (1 << (index % 8)), index);
          expect(() => barrier.open(path, changed)).toThrow(integrity);
        }
      });

      test('refuses a record that was cut at any place', () => {
        const barrier = makeBarrier();
        const record = barrier.seal(path, content);
        for (let length = 0; length < record.length; length += 1) {
          expect(() => barrier.open(path, record.subarray(0, length))).toThrow(integrity);
        }
      });
    });
  });
}
