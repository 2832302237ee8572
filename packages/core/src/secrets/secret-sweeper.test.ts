/** What the sweeper deletes, what it counts, and the quota that rests on its count. @module */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { JournalStore } from '../store/testing/journal-store.ts';
import { envelopePath, versionKey } from './secret-record.ts';
import { path, reader, receiptOf, SecretsWorld, writer } from './testing/secrets-world.ts';

let journal: JournalStore;
let world: SecretsWorld;

function newWorld(liveVersions?: number): SecretsWorld {
  return new SecretsWorld({
    store: (memory) => {
      journal = new JournalStore(memory);
      return journal;
    },
    ...(liveVersions === undefined ? {} : { liveVersions }),
  });
}
async function hasEnvelope(ver: number): Promise<boolean> {
  const key = world.barrier.keyOf(envelopePath(path, ver));
  return (await world.memory.range({ key })).entries.length > 0;
}
async function sweepAll(limit = 100): Promise<{ readonly expired: number; readonly damaged: number; pages: number }> {
  const sum = { expired: 0, damaged: 0, pages: 0 };
  for (;;) {
    const { expired, damaged, isPassComplete } = await world.secrets.sweep({ limit });
    sum.expired += expired;
    sum.damaged += damaged;
    sum.pages += 1;
    if (isPassComplete) return sum;
  }
}

beforeEach(() => {
  world = newWorld();
});

describe('SecretSweeper', () => {
  test('deletes the envelope of a version in the second of its expiry, recorded in the same transaction', async () => {
    const exp = world.clock.nowSeconds() + 60;
    await world.write(await world.make(1, { exp }));
    await world.write(await world.make(2));
    world.clock.advance(59);
    expect(await sweepAll()).toMatchObject({ expired: 0 });
    world.clock.advance(1);
    journal.journal.length = 0;
    expect(await sweepAll()).toMatchObject({ expired: 1 });
    expect([await hasEnvelope(1), await hasEnvelope(2)]).toEqual([false, true]);
    const audit = `${world.barrier.keyOf('au')}/`;
    expect(journal.journal).toEqual([
      {
        puts: [expect.stringContaining(audit), versionKey(world.barrier, path, 1)],
        deletes: [world.barrier.keyOf(envelopePath(path, 1))],
      },
    ]);
    const record = (await world.recordsOf()).at(-1);
    expect(record).toMatchObject({ act: 'secret.expire', who: 'service', obj: `secret/${path}#1`, outcome: 'ok' });
    expect(await sweepAll()).toMatchObject({ expired: 0 });
  });

  test('leaves what proves the expiry, and versions that a reader sees as before', async () => {
    const exp = world.clock.nowSeconds() + 60;
    const made = await world.make(1, { exp });
    await world.write(made);
    world.clock.advance(100);
    await sweepAll();
    const refusal = await world.read().catch((error: unknown) => error as { members: { rcpt: string } });
    expect(refusal).toMatchObject({ code: 'gone', members: { st: 'EXPIRED', at: exp } });
    const { rcpt } = (refusal as { members: { rcpt: string } }).members;
    expect(receiptOf(rcpt)).toMatchObject({ st: 'EXPIRED', at: exp, eh: made.read.eh });
    expect((await world.versions()).items).toEqual([{ ver: 1, st: 'EXPIRED', at: exp, exp, wrt: writer.id }]);
    expect((await world.destroy(1)).st).toBe('DESTROYED');
  });

  test('goes over pages, and past what it cannot open', async () => {
    const exp = world.clock.nowSeconds() + 60;
    for (let ver = 1; ver <= 5; ver += 1) await world.write(await world.make(ver, { exp }));
    const put = { do: 'put', key: versionKey(world.barrier, path, 3), value: new Uint8Array(40) } as const;
    await world.memory.transact({ compare: [], then: [put] });
    world.clock.advance(60);
    expect(await sweepAll(2)).toEqual({ expired: 4, damaged: 1, pages: 3 });
  });

  test('does not delete what was changed since it was listed', async () => {
    const exp = world.clock.nowSeconds() + 60;
    await world.write(await world.make(1, { exp }));
    world.clock.advance(60);
    const transact = journal.transact.bind(journal);
    let isFirst = true;
    journal.transact = async (transaction, options) => {
      if (isFirst) {
        isFirst = false;
        await world.destroy(1, writer, world.replica('BBBBBBBBBBB', world.memory));
      }
      return transact(transaction, options);
    };
    expect(await sweepAll()).toMatchObject({ expired: 0 });
    expect((await world.versions()).items).toMatchObject([{ ver: 1, st: 'DESTROYED' }]);
  });
});

describe('the quota of live versions', () => {
  beforeEach(async () => {
    world = newWorld(2);
    await world.writeAll([1, 2]);
  });

  test('refuses one more, and says when to look again', async () => {
    const refused = world.write(await world.make(3));
    await expect(refused).rejects.toMatchObject({ code: 'rate', reason: 'live_secrets_quota', retryAfterSeconds: 60 });
    const record = (await world.recordsOf()).at(-1);
    expect(record).toMatchObject({ act: 'secret.write', outcome: 'refused', reason: 'live_secrets_quota' });
    expect((await world.versions()).items).toHaveLength(2);
  });

  test('answers the retry of what is stored, and a version that came too late, as ever', async () => {
    const before = newWorld(1);
    world = before;
    const made = await world.make(1);
    await world.write(made);
    expect((await world.write(made)).created).toBe(false);
    await expect(world.write(await world.make(1, { content: 'other' }))).rejects.toMatchObject({ code: 'conflict' });
  });

  test('has room again after a destruction, and after an expiry that the sweeper found', async () => {
    await world.destroy(1);
    await world.write(await world.make(3, { exp: world.clock.nowSeconds() + 60 }));
    await expect(world.write(await world.make(4))).rejects.toMatchObject({ code: 'rate' });
    world.clock.advance(60);
    await sweepAll();
    await world.write(await world.make(4));
    expect(world.secrets.live).toBe(2);
  });

  test('is per writer', async () => {
    await world.write(await world.make(3, { by: reader, to: [writer] }), reader);
    expect(world.secrets.live).toBe(3);
  });

  test('does not count a write that failed', async () => {
    world = newWorld(1);
    world.store.choose = ({ transaction }) => (transaction === undefined ? 'none' : 'lost');
    await expect(world.write(await world.make(1))).rejects.toMatchObject({ code: 'unavailable' });
    world.store.choose = () => 'none';
    expect(world.secrets.live).toBe(0);
    await world.write(await world.make(1));
  });

  test('knows after a restart and one pass what was there before', async () => {
    const secrets = world.replica('BBBBBBBBBBB', world.memory);
    expect(secrets.live).toBe(0);
    await secrets.sweep({ limit: 100 });
    expect(secrets.live).toBe(2);
    await expect(world.write(await world.make(3), writer, secrets)).rejects.toMatchObject({ code: 'rate' });
  });
});
