import { describe, expect, test } from '@jest/globals';
import protobuf from 'protobufjs';
import {
  decodeDocument,
  decodeEvent,
  decodeStatusDetails,
  encodeEvent,
  encodeStatusDetails,
  framingBytes,
} from '@letterlock/protocol';
import { encodeDocument } from './document-codec.ts';

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

describe('the events of Watch', () => {
  const Event = root.lookupType('letterlock.v1.Event');
  const event = { binding: 'shop/orders-db', secret: 'db', version: 7, delivery: Buffer.from('{}'), wrap: '' };

  test.each([
    { name: 'a whole one', given: event },
    {
      name: 'the end of the first list',
      given: { binding: '', secret: '', version: 0, delivery: Buffer.alloc(0), wrap: '' },
    },
    { name: 'a secret that opens once', given: { ...event, version: 1, wrap: 'iTM3E3-mXIFyJ2MKOjYShQ' } },
    { name: 'a secret that is not written', given: { ...event, version: 0 } },
    { name: 'a large version', given: { ...event, version: 2 ** 52 + 1 } },
  ])('$name is as protobuf writes it, and comes back', ({ given }) => {
    const written = encodeEvent(given);
    // proto3 leaves out what has its default value; protobufjs does so only for what it is not given.
    const stated = Object.fromEntries(
      Object.entries(given).filter(([, value]) => (typeof value === 'number' ? value > 0 : value.length > 0)),
    );
    expect(Buffer.from(written).equals(Event.encode(stated).finish())).toBe(true);
    const { delivery, ...rest } = decodeEvent(written);
    expect({ ...rest, delivery: Buffer.from(delivery) }).toEqual(given);
  });

  test('a member of a later version is left out', () => {
    const message = Buffer.concat([encodeEvent(event), Buffer.from([(9 << 3) | 2, 1, 65])]);
    expect(decodeEvent(message)).toMatchObject({ version: 7, secret: 'db' });
  });

  test.each([
    { name: 'an unknown type of field', bytes: [(3 << 3) | 5, 0, 0, 0, 0] },
    { name: 'a length beyond the message', bytes: [0x0a, 5, 65] },
    { name: 'a number that goes on for ever', bytes: [0x18, ...Array.from({ length: 12 }, () => 0xff)] },
    { name: 'text that is none', bytes: [0x0a, 1, 0xff] },
    { name: 'a version that is text', bytes: [0x1a, 1, 65] },
  ])('refuses $name', ({ bytes }) => {
    expect(() => decodeEvent(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'bad_encoding' }));
  });
});

describe('google.rpc.Status', () => {
  const details = { code: 9, message: 'It contradicts', reason: 'conflict', metadata: { ver: '7', detail: 'x' } };

  test('comes back', () => {
    expect(decodeStatusDetails(encodeStatusDetails(details))).toEqual(details);
  });

  test.each([
    { name: 'nothing', bytes: Buffer.alloc(0) },
    { name: 'what is none', bytes: Buffer.from('reason') },
    { name: 'one of another domain', bytes: Buffer.from(encodeStatusDetails(details)).fill(0x7a, 80, 90) },
  ])('gives nothing for $name', ({ bytes }) => {
    expect(decodeStatusDetails(bytes)).toBeUndefined();
  });
});
