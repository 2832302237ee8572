import { describe, expect, test } from '@jest/globals';
import protobuf from 'protobufjs';
import { decodeDocument, encodeDocument, framingBytes } from './document-codec.ts';

/** The wire by another implementation, from the source of truth. */
const folder = new URL('../../../../proto/', import.meta.url).pathname;
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => folder + target;
root.loadSync(['letterlock/v1/peer.proto', 'letterlock/v1/agent.proto']);
const Call = root.lookupType('letterlock.v1.Call');

describe('the documents of proto/letterlock/v1', () => {
  test.each([1, 127, 128, 16_383, 16_384, 65_536, 1_048_576])(
    'a body of %i bytes is as protobuf writes it',
    (length) => {
      const body = Buffer.alloc(length, 7);
      const message = encodeDocument(body);
      expect(message.equals(Call.encode({ body }).finish())).toBe(true);
      expect(message.length - length).toBeLessThanOrEqual(framingBytes);
      expect(Buffer.compare(decodeDocument(message), body)).toBe(0);
    },
  );

  test('an empty body is written', () => {
    expect(decodeDocument(encodeDocument(new Uint8Array(0)))).toHaveLength(0);
  });

  test.each([
    { name: 'nothing', bytes: [] },
    { name: 'a tag alone', bytes: [0x0a] },
    { name: 'another field', bytes: [0x12, 1, 7] },
    { name: 'another type of field', bytes: [0x08, 1] },
    { name: 'too short a body', bytes: [0x0a, 2, 7] },
    { name: 'bytes after the body', bytes: [0x0a, 1, 7, 7] },
    { name: 'two bodies', bytes: [0x0a, 1, 7, 0x0a, 1, 7] },
    { name: 'a length that goes on for ever', bytes: [0x0a, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 7] },
    { name: 'a longer spelling of the length', bytes: [0x0a, 0x81, 0, 7] },
    { name: 'a length beyond the message', bytes: [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f] },
  ])('refuses $name', ({ bytes }) => {
    expect(() => decodeDocument(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'bad_encoding' }));
  });

  test('names the services and methods that are served', () => {
    expect(Object.keys(root.lookupService('letterlock.v1.Peer').methods)).toEqual(['Unseal']);
    expect(Object.keys(root.lookupService('letterlock.v1.Agent').methods)).toEqual([
      'Renew',
      'Open',
      'Ack',
      'Read',
      'Write',
      'Watch',
    ]);
  });
});
