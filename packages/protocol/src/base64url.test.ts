/** Canonical base64url: one string for each byte sequence, with and without the runtime's own codec. @module */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeBase64url, encodeBase64url, isBase64url } from './base64url.ts';

const alphabetAndOthers = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \n'.split('');
const runs = { numRuns: 200, seed: 20_260_901 };
/** 300 characters: long enough for the way that decodes. */
const long = 'AbC-_9'.repeat(50);

const refused = [
  { name: 'padding of one', text: 'AAA=' },
  { name: 'padding of two', text: 'AA==' },
  { name: 'stray bits behind one byte', text: 'AB' },
  { name: 'stray bits behind two bytes', text: 'AAB' },
  { name: 'one character', text: 'A' },
  { name: 'five characters', text: 'AAAAA' },
  { name: 'plus', text: 'AA+A' },
  { name: 'slash', text: 'AA/A' },
  { name: 'a space before', text: ' AAAA' },
  { name: 'a newline behind', text: 'AAAA\n' },
  { name: 'a tab inside', text: 'AA\tAA' },
  { name: 'a letter that is not ASCII', text: 'AAAé' },
  { name: 'a full-width letter', text: 'AAAＡ' },
  { name: 'a zero byte', text: 'AAA\0' },
];
const lengthened = refused.map(({ name, text }) => ({ name: `${name}, long`, text: long + text }));

/** As long as a large ciphertext, which is looked at in parts of 65,536 characters. */
const huge = 'AbC-_9zZ'.repeat(25_000);
const hugePlaces = [0, 4, 65_532, 65_535, 65_536, 65_540, 131_072, 199_996, 200_000];

const vectors = [
  { text: '', hex: '' },
  { text: 'Zg', hex: '66' },
  { text: 'Zm8', hex: '666f' },
  { text: 'Zm9v', hex: '666f6f' },
  { text: '-_-_', hex: 'fbffbf' },
  { text: '_w', hex: 'ff' },
];

function suite(): void {
  test.each(vectors)('$text is $hex', ({ text, hex }) => {
    expect(isBase64url(text)).toBe(true);
    expect(Buffer.from(decodeBase64url(text)).toString('hex')).toBe(hex);
    expect(encodeBase64url(Uint8Array.from(Buffer.from(hex, 'hex')))).toBe(text);
  });

  test.each([...refused, ...lengthened])('refuses $name', ({ text }) => {
    expect(isBase64url(text)).toBe(false);
    expect(() => decodeBase64url(text)).toThrow(
      expect.objectContaining({ code: 'bad_encoding', reason: 'base64url_not_canonical' }),
    );
  });

  test.each(hugePlaces)('sees what is wrong at character %i of 200,000', (at) => {
    for (const { text } of [...refused, { text: 'AAAA' }]) {
      for (const after of [at, at + text.length]) {
        const whole = huge.slice(0, at) + text + huge.slice(after);
        expect(isBase64url(whole)).toBe(Buffer.from(whole, 'base64url').toString('base64url') === whole);
      }
    }
  });

  test('decodes what it encodes, and is what Node encodes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const text = encodeBase64url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64url'));
        expect([...decodeBase64url(text)]).toEqual([...bytes]);
      }),
      runs,
    );
  });

  test('encodes what it decodes: no string has a second spelling', () => {
    const alphabet = fc.constantFrom(...alphabetAndOthers);
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 12 }), fc.boolean(), (characters, isLong) => {
        const text = (isLong ? long : '') + characters.join('');
        expect(isBase64url(text)).toBe(Buffer.from(text, 'base64url').toString('base64url') === text);
      }),
      runs,
    );
  });
}

describe('with the runtime’s own codec', () => {
  suite();
});

describe('without it, as on Node 24', () => {
  const { fromBase64 } = Uint8Array;
  const { prototype } = Uint8Array;
  const { toBase64 } = prototype;

  // The functions look at call time, so taking them away for the length of one test is enough.
  function without<T>(call: () => T): T {
    Reflect.deleteProperty(Uint8Array, 'fromBase64');
    Reflect.deleteProperty(prototype, 'toBase64');
    try {
      return call();
    } finally {
      Object.defineProperty(Uint8Array, 'fromBase64', { value: fromBase64, configurable: true, writable: true });
      Object.defineProperty(prototype, 'toBase64', { value: toBase64, configurable: true, writable: true });
    }
  }

  test('the codec is there for the other tests', () => {
    expect([typeof fromBase64, typeof toBase64]).toEqual(['function', 'function']);
    expect(without(() => typeof Uint8Array.fromBase64)).toBe('undefined');
  });

  test.each(vectors)('$text is $hex', ({ text, hex }) => {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    expect(without(() => [isBase64url(text), [...decodeBase64url(text)], encodeBase64url(bytes)])).toEqual([
      true,
      [...bytes],
      text,
    ]);
  });

  test.each([...refused, ...lengthened])('refuses $name', ({ text }) => {
    expect(without(() => isBase64url(text))).toBe(false);
    expect(() => without(() => decodeBase64url(text))).toThrow(expect.objectContaining({ code: 'bad_encoding' }));
  });
});
