import { beforeEach, describe, expect, test } from '@jest/globals';
import { publicOf, verifyReceipt } from '@letterlock/crypto';
import { instanceKey, makeClaim, reader, stranger, writer, WrapWorld } from './testing/wrap-world.ts';
import type { SweepReport } from './sweeper.ts';

const nothing = { burned: 0, expired: 0, purged: 0, damaged: 0 };
let world: WrapWorld;

beforeEach(() => {
  world = new WrapWorld({ tombstoneSeconds: 100 });
});

async function stored(
  change: { readonly exp?: number; readonly by?: typeof writer } = {},
  to = world,
): Promise<string> {
  const { by = writer, ...header } = change;
  const wrap = await to.makeWrap(header, { by });
  await to.storeAs(by, wrap);
  return wrap.id;
}

async function stateOf(id: string): Promise<string> {
  return verifyReceipt((await world.statusAs(writer, id)).rcpt, publicOf(instanceKey)).st;
}

/** Pages of one whole pass. */
async function pass(limit: number, of = world): Promise<SweepReport[]> {
  const reports: SweepReport[] = [];
  do reports.push(await of.wraps.sweep({ limit }));
  while (reports.at(-1)?.isPassComplete !== true);
  return reports;
}

describe('Wraps.sweep()', () => {
  test('leaves what is not due', async () => {
    const id = await stored();
    expect(await world.wraps.sweep({ limit: 10 })).toEqual({ ...nothing, visited: 1, isPassComplete: true });
    expect(await stateOf(id)).toBe('STORED');
  });

  test('burns, expires, and later purges, each with its audit record and without the envelope', async () => {
    const claimed = await stored();
    const left = await stored();
    await world.openAs(reader, claimed, makeClaim().request);
    world.clock.advance(60);
    expect(await world.wraps.sweep({ limit: 10 })).toMatchObject({ ...nothing, burned: 1 });
    world.clock.advance(86_400 - 60);
    expect(await world.wraps.sweep({ limit: 10 })).toMatchObject({ ...nothing, expired: 1 });
    const keys = [...world.memory.dump()].map(({ key }) => key);
    for (const id of [claimed, left]) expect(keys).not.toContain(world.barrier.keyOf(`wrap/env/${id}`));
    world.clock.advance(99);
    expect(await world.wraps.sweep({ limit: 10 })).toMatchObject({ ...nothing, visited: 2 });
    world.clock.advance(1);
    expect(await world.wraps.sweep({ limit: 10 })).toMatchObject({ ...nothing, purged: 2 });
    expect(await world.wraps.sweep({ limit: 10 })).toMatchObject({ ...nothing, visited: 0 });
    await expect(world.statusAs(writer, left)).rejects.toMatchObject({ code: 'not_found' });
    const acts = [...world.memory.dump()].length;
    // Two stored, one opened, one burned, one expired, two purged, one refused status: eight records and nothing else.
    expect(acts).toBe(8);
  });

  test('visits no more records than its limit, all of them in one pass, each once', async () => {
    const ids = await Promise.all(Array.from({ length: 7 }, () => stored()));
    world.clock.advance(86_400);
    const reports = await pass(3);
    expect(reports.map(({ visited, expired }) => [visited, expired])).toEqual([
      [3, 3],
      [3, 3],
      [1, 1],
    ]);
    for (const id of ids) expect(await stateOf(id)).toBe('EXPIRED');
  });

  test('reads one page and makes no transaction when nothing is due', async () => {
    await Promise.all(Array.from({ length: 5 }, () => stored()));
    const before = world.store.calls;
    await world.wraps.sweep({ limit: 3 });
    expect(world.store.calls - before).toBe(1);
  });

  test('goes on past a damaged record and counts it', async () => {
    const ids = await Promise.all(Array.from({ length: 3 }, () => stored()));
    const [moved, bent] = ids.map((id) => world.barrier.keyOf(`wrap/st/${id}`));
    const [entry] = (await world.memory.range({ key: moved! })).entries;
    await world.memory.transact({ compare: [], then: [{ do: 'put', key: bent!, value: entry!.value }] });
    world.clock.advance(86_400);
    expect(await world.wraps.sweep({ limit: 10 })).toMatchObject({ visited: 3, expired: 2, damaged: 1 });
  });

  test('does not undo what a reader did while it looked', async () => {
    const id = await stored();
    const claim = makeClaim();
    await world.openAs(reader, id, claim.request);
    world.clock.advance(60);
    // The page has been read when the acknowledgement, late but of the right claim, comes first.
    const isDelayed = new Promise<void>((resolve) => {
      world.store.choose = ({ transaction }) => {
        if (transaction === undefined) return 'none';
        world.store.choose = () => 'none';
        resolve();
        return 'delayed';
      };
    });
    const sweeping = world.wraps.sweep({ limit: 10 });
    await isDelayed;
    await world.acknowledgeAs(reader, id, { cid: claim.cid });
    world.store.release();
    expect(await sweeping).toMatchObject(nothing);
    expect(await stateOf(id)).toBe('OPENED');
  });

  test('begins again at the same page when the store did not answer', async () => {
    await Promise.all(Array.from({ length: 4 }, () => stored()));
    world.clock.advance(86_400);
    world.store.choose = ({ transaction }) => (transaction === undefined ? 'none' : 'lost');
    await expect(world.wraps.sweep({ limit: 10 })).rejects.toMatchObject({ code: 'unavailable' });
    world.store.choose = () => 'none';
    const reports = await pass(10);
    expect(reports.reduce((sum, { expired }) => sum + expired, 0)).toBe(4);
  });

  test('settles audit numbers that had no answer', async () => {
    const wrap = await world.makeWrap();
    world.store.choose = () => 'lost';
    await expect(world.storeAs(writer, wrap)).rejects.toMatchObject({ code: 'unavailable' });
    expect(world.audit.openOutcomes).toBe(1);
    world.store.choose = () => 'none';
    await world.wraps.sweep({ limit: 10 });
    expect(world.audit.openOutcomes).toBe(0);
  });

  test('refuses to run twice at once', async () => {
    await stored();
    const first = world.wraps.sweep({ limit: 10 });
    await expect(world.wraps.sweep({ limit: 10 })).rejects.toThrow('not ended');
    await first;
    await expect(world.wraps.sweep({ limit: 10 })).resolves.toBeDefined();
  });

  test('stops when its signal is aborted', async () => {
    await expect(world.wraps.sweep({ limit: 10, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'unavailable',
    });
  });

  test('rebuilds the count of live wraps after a restart', async () => {
    await stored();
    await stored();
    await stored({ by: stranger });
    const restarted = world.replica('BBBBBBBBBBB');
    expect(restarted.liveWrapsOf(writer.id)).toBe(0);
    await restarted.sweep({ limit: 2 });
    await restarted.sweep({ limit: 2 });
    expect(restarted.liveWrapsOf(writer.id)).toBe(2);
    expect(restarted.liveWrapsOf(stranger.id)).toBe(1);
  });

  test('counts a wrap that it ends itself as ended', async () => {
    await stored();
    await stored({ exp: world.clock.nowSeconds() + 200_000 });
    world.clock.advance(86_400);
    await pass(1);
    expect(world.wraps.liveWrapsOf(writer.id)).toBe(1);
  });
});
