import { describe, expect, test } from '@jest/globals';
import { encodeUtf8 } from '@letterlock/protocol';
import { createKeyring, decodeKeyring } from './keyring.ts';

const inst = 'AAAAAAAAAAAAAAAAAAAAAA';
const original = createKeyring({ inst, generation: 3, nowSeconds: 1_790_000_000 });
const plaintext = Buffer.from(original.encode().expose());
const headerLength = plaintext.readUInt32BE(0);
const header = plaintext.subarray(4, 4 + headerLength).toString('utf8');
const secrets = plaintext.subarray(4 + headerLength);
const unreadable = expect.objectContaining({ code: 'internal', reason: 'keyring_unreadable' });

function withHeader(text: string): Buffer {
  const bytes = encodeUtf8(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes, secrets]);
}

describe('decodeKeyring()', () => {
  test('gives back what was encoded', () => {
    const decoded = decodeKeyring(plaintext);
    expect(decoded.inst).toBe(inst);
    expect(decoded.generation).toBe(3);
    expect(decoded.currentTerm).toBe(1);
    expect(decoded.instanceKey.thumbprint).toBe(original.instanceKey.thumbprint);
    expect(decoded.namesKey.equals(original.namesKey)).toBe(true);
    expect(decoded.termKey(1)!.equals(original.termKey(1)!)).toBe(true);
    expect(decoded.termKey(2)).toBeUndefined();
  });

  test('the header shows lengths and times and no key', () => {
    const pkcs8Length = secrets.length - 64;
    expect(header).toBe(
      `{"gen":3,"inst":"${inst}","parts":[{"iat":1790000000,"length":32,"n":0,"use":"names"},` +
        `{"iat":1790000000,"length":${pkcs8Length},"n":0,"use":"instance"},` +
        `{"iat":1790000000,"length":32,"n":1,"use":"term"}],"v":1}`,
    );
  });

  test('the newest of several terms is the current one', () => {
    const second = Buffer.concat([
      withHeader(header.replace(']', ',{"iat":1790000001,"length":32,"n":2,"use":"term"}]')),
      Buffer.alloc(32, 7),
    ]);
    const decoded = decodeKeyring(second);
    expect(decoded.currentTerm).toBe(2);
    expect(decoded.termKey(2)!.expose()).toEqual(new Uint8Array(32).fill(7));
    expect(decoded.termKey(1)!.equals(original.termKey(1)!)).toBe(true);
  });

  test('survives the erasure of its input', () => {
    const copy = Buffer.from(plaintext);
    const decoded = decodeKeyring(copy);
    copy.fill(0);
    expect(decoded.termKey(1)!.equals(original.termKey(1)!)).toBe(true);
  });

  test.each([
    { name: 'nothing', bytes: new Uint8Array(0) },
    { name: 'the first half', bytes: plaintext.subarray(0, plaintext.length / 2) },
    { name: 'one byte less', bytes: plaintext.subarray(0, -1) },
    { name: 'one byte more', bytes: Buffer.concat([plaintext, Buffer.alloc(1)]) },
    { name: 'a header of 4 GiB', bytes: Buffer.concat([Buffer.alloc(4, 0xff), plaintext.subarray(4)]) },
    { name: 'another version', bytes: withHeader(header.replace('"v":1', '"v":2')) },
    { name: 'an unknown member', bytes: withHeader(header.replace('"v":1', '"v":1,"w":1')) },
    { name: 'an unknown use', bytes: withHeader(header.replace('"use":"names"', '"use":"other"')) },
    { name: 'two keys for names', bytes: withHeader(header.replace('"use":"term"', '"use":"names"')) },
    { name: 'a term without a number', bytes: withHeader(header.replace('"n":1', '"n":0')) },
    { name: 'a header that is not canonical', bytes: withHeader(header.replace('"v":1', '"v": 1')) },
    {
      name: 'a term of 31 bytes',
      bytes: withHeader(header.replace('32,"n":0', '33,"n":0').replace('32,"n":1', '31,"n":1')),
    },
    {
      name: 'one term twice',
      bytes: Buffer.concat([
        withHeader(header.replace(']', ',{"iat":1790000001,"length":32,"n":1,"use":"term"}]')),
        Buffer.alloc(32, 7),
      ]),
    },
    {
      name: 'an instance key that is none',
      bytes: Buffer.concat([
        plaintext.subarray(0, 4 + headerLength + 32),
        Buffer.alloc(secrets.length - 64),
        plaintext.subarray(-32),
      ]),
    },
  ])('refuses $name', ({ bytes }) => {
    expect(() => decodeKeyring(bytes)).toThrow(unreadable);
  });
});
