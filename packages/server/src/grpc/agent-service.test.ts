/**
 * Streams of Watch as grpc-js hands them over, by the thousand: what is cancelled leaves nothing behind.
 * @module
 */
import { EventEmitter } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Metadata, type ServerWritableStream } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { LiveBinding, Permitted } from '@letterlock/core';
import { encodeDocument } from '@letterlock/protocol';
import { createLog } from '../log.ts';
import type { UnsealedAgentServices } from './agent-calls.ts';
import { createAgentService } from './agent-service.ts';
import { WatchHub } from './watch-hub.ts';

type Stream = ServerWritableStream<Buffer, Buffer>;

/** A service whose pods may each read one secret, and how many streams it is following. */
function serviceOf() {
  const facts = { following: 0 };
  const unsealed = { secrets: { latest: async () => 1 } } as unknown as UnsealedAgentServices;
  const hub = new WatchHub({ everyMilliseconds: 1000, isUnsealed: () => true });
  const binding = { namespace: 'shop', name: 'b', secrets: [{ name: 'db', opens: 'Unlimited' }] };
  const permission = { action: { act: 'secret.read', path: 'k8s/shop/b/db' } };
  const watched = {
    binding: binding as unknown as LiveBinding,
    secret: 'db',
    permission: permission as unknown as Permitted<'secret.read'>,
  };
  const service = createAgentService({
    log: createLog('silent'),
    calls: {
      answer: {} as never,
      issueNonce: () => 'nonce',
      proofFailed: () => undefined,
      checkAddress: () => undefined,
      watch: async (_, emit, signal) => {
        facts.following += 1;
        try {
          await hub.follow({ unsealed, stillKnown: async () => true, permissions: () => [watched], emit, signal });
        } finally {
          facts.following -= 1;
        }
      },
    },
  });
  const caller = { thumbprint: 't', certificate: new Uint8Array(0), remoteAddress: '10.0.0.1' };
  const watch = service(() => caller).implementation['Watch'] as (stream: Stream) => void;
  return { facts, watch };
}

const opened: EventEmitter[] = [];
// Also after a test that failed: a stream would keep the process.
afterEach(() => {
  for (const stream of opened.splice(0)) stream.emit('close');
});

/** One stream. `told` resolves with its first event, `over` with its end. */
function open(watch: (stream: Stream) => void) {
  const told = Promise.withResolvers<void>();
  const over = Promise.withResolvers<number>();
  const metadata = new Metadata();
  metadata.set('letterlock-proof', 'a.b.c');
  const stream = Object.assign(new EventEmitter(), {
    request: Buffer.from(encodeDocument(Buffer.from('{}'))),
    metadata,
    getPeer: () => '10.0.0.1:1',
    write: () => told.resolve(),
    end: () => over.resolve(0),
  });
  stream.on('error', ({ code }: { readonly code: number }) => over.resolve(code));
  opened.push(stream);
  watch(stream as unknown as Stream);
  return { told: told.promise, over: over.promise, cancel: () => stream.emit('cancelled') };
}

describe('Watch', () => {
  test('cancelled 10,000 times leaves nothing behind', async () => {
    const { facts, watch } = serviceOf();
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const used = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const cancelMany = async (rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        const streams = Array.from({ length: 500 }, () => open(watch));
        await Promise.all(streams.map(({ told }) => told));
        for (const { cancel } of streams) cancel();
        expect(await Promise.all(streams.map(({ over }) => over))).toEqual(streams.map(() => 0));
        opened.splice(0);
      }
    };
    await cancelMany(2);
    const [heapBefore, timersBefore] = [used(), timers()];
    // More than one process takes at a time: each must have been counted out again.
    await cancelMany(20);
    expect(facts.following).toBe(0);
    expect(timers() - timersBefore).toBeLessThanOrEqual(0);
    // Not even 400 bytes each.
    expect(used() - heapBefore).toBeLessThan(4_000_000);
  }, 20_000);

  test('is refused beyond 4,096 streams at a time, and taken again when one has ended', async () => {
    const { watch } = serviceOf();
    const streams = Array.from({ length: 4096 }, () => open(watch));
    await Promise.all(streams.map(({ told }) => told));
    expect(await open(watch).over).toBe(8);
    streams[0]!.cancel();
    await streams[0]!.over;
    const later = open(watch);
    await later.told;
    for (const { cancel } of [...streams, later]) cancel();
    await Promise.all(streams.map(({ over }) => over));
  }, 20_000);
});
