import { describe, expect, test } from '@jest/globals';
import { importVerifyingKey, shareAcknowledgement, verifyState } from '@letterlock/crypto';
import { encodeUtf8 } from '@letterlock/protocol';
import { OperationLedger } from '../identities/operation-ledger.ts';
import { delayOnce } from './testing/delay-once.ts';
import { FaultyStore } from '../store/testing/faulty-store.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { decodeEpoch } from './system-records.ts';
import { makeTestAdmin, SealWorld } from './testing/seal-world.ts';

const sealed = expect.objectContaining({ code: 'sealed' });

async function storedEpoch(world: SealWorld): Promise<number> {
  const { entries } = await world.store.range({ key: 'sys/epoch' });
  return decodeEpoch(world.installation.unsealed!.barrier.open('sys/epoch', entries[0]!.value));
}

describe('seal()', () => {
  test('counts the epoch up with its audit record in one transaction', async () => {
    const world = await SealWorld.unsealed();
    expect(await storedEpoch(world)).toBe(0);
    expect(await world.seal(world.admin(1))).toEqual({ epoch: 1 });
    const { revision, entries } = await world.store.range({ prefix: '', limit: 100 });
    const written = entries.filter(({ modRevision }) => modRevision === revision);
    // Epoch, applied operation, audit record.
    expect(written).toHaveLength(3);
    await world.unseal();
    expect(await storedEpoch(world)).toBe(1);
    const who = world.admin(1).certificate.id;
    expect((await world.auditRecords())[1]).toMatchObject({
      seq: 2,
      act: 'seal',
      who,
      factor: 'admin',
      listener: 'direct',
      cb: 'none',
      obj: 'sys/seal',
      outcome: 'ok',
      reason: 'ok',
      req: 'request-1',
    });
    expect(await world.seal()).toEqual({ epoch: 2 });
  });

  test('everything that was handed out before stops working, also after the next unseal', async () => {
    const world = await SealWorld.unsealed();
    const { barrier, audit } = world.installation.unsealed!;
    const record = barrier.seal('wrap/env/x', encodeUtf8('content'));
    const [facts] = await world.auditRecords();
    await world.seal();
    const useAll = [
      () => barrier.keyOf('wrap/env/x'),
      () => barrier.seal('wrap/env/x', encodeUtf8('content')),
      () => barrier.open('wrap/env/x', record),
    ];
    for (const use of useAll) expect(use).toThrow(sealed);
    expect(() => audit.prepare(facts!)).toThrow(sealed);
    expect(() => world.installation.stateStatement('A'.repeat(43))).toThrow(sealed);
    expect(world.installation.unsealed).toBeUndefined();
    await world.unseal();
    for (const use of useAll) expect(use).toThrow(sealed);
    expect(Buffer.from(world.installation.unsealed!.barrier.open('wrap/env/x', record)).toString()).toBe('content');
  });

  test('audit numbers go on after it', async () => {
    const world = await SealWorld.unsealed();
    await world.seal();
    await world.unseal();
    expect((await world.auditRecords()).map(({ seq, act }) => `${seq} ${act}`)).toEqual([
      '1 init',
      '2 seal',
      '3 unseal.share',
      '4 unseal',
    ]);
  });

  test('tells listeners once the keys are gone', async () => {
    const world = await SealWorld.unsealed();
    const { barrier } = world.installation.unsealed!;
    const seen: string[] = [];
    world.installation.onSealed(() => {
      seen.push(world.installation.state);
      expect(() => barrier.keyOf('a')).toThrow(sealed);
    });
    await world.seal();
    expect(seen).toEqual(['sealed']);
  });

  test('refuses while sealed', async () => {
    const world = await SealWorld.unsealed();
    const { permitted, operation } = await world.permitted('seal', {});
    await world.seal();
    await expect(world.installation.seal(permitted, operation)).rejects.toMatchObject({ code: 'sealed' });
  });

  test('refuses an operation a second time, with an audit record, and stays unsealed', async () => {
    const world = await SealWorld.unsealed();
    const { permitted, operation } = await world.permitted('seal', {});
    await world.installation.seal(permitted, operation);
    await world.unseal();
    await expect(world.installation.seal(permitted, operation)).rejects.toMatchObject({
      code: 'conflict',
      reason: 'operation_applied',
    });
    expect(world.installation.state).toBe('unsealed');
    expect((await world.auditRecords()).at(-1)).toMatchObject({
      act: 'seal',
      outcome: 'refused',
      reason: 'operation_applied',
    });
    expect(await storedEpoch(world)).toBe(1);
  });

  test('the ledger of operations knows it, and can sweep it', async () => {
    const world = await SealWorld.unsealed();
    const { permitted, operation } = await world.permitted('seal', {});
    await world.installation.seal(permitted, operation);
    await world.unseal();
    const { barrier } = world.installation.unsealed!;
    const ledger = new OperationLedger({ store: world.store, barrier, clock: world.clock });
    await expect(ledger.claim(operation)).rejects.toMatchObject({ reason: 'operation_applied' });
    expect(await ledger.sweep({ limit: 10 })).toEqual({ deleted: 0, damaged: 0 });
    world.clock.advance(86_400);
    expect(await ledger.sweep({ limit: 10 })).toEqual({ deleted: 1, damaged: 0 });
  });

  test('of two at once one is refused as sealed', async () => {
    const world = await SealWorld.unsealed();
    let sealedCount = 0;
    world.installation.onSealed(() => (sealedCount += 1));
    const [one, other] = [
      await world.permitted('seal', {}, world.admin(0)),
      await world.permitted('seal', {}, world.admin(1)),
    ];
    const results = await Promise.allSettled(
      [one, other].map(({ permitted, operation }) => world.installation.seal(permitted, operation)),
    );
    expect(sealedCount).toBe(1);
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'sealed' } });
    await world.unseal();
    expect(await storedEpoch(world)).toBe(1);
    expect((await world.auditRecords()).filter(({ act }) => act === 'seal')).toHaveLength(1);
  });

  test('when another replica seals in the same moment, both count', async () => {
    const world = await SealWorld.unsealed();
    const other = await world.restarted();
    await other.unseal();
    expect([await world.seal(), await other.seal()]).toEqual([{ epoch: 1 }, { epoch: 2 }]);
    const delayed = new FaultyStore(world.store);
    const third = await world.restarted({ store: delayed });
    await third.unseal();
    const fourth = await world.restarted();
    await fourth.unseal();
    const reached = delayOnce(delayed, ({ transaction }) => transaction !== undefined);
    const pending = third.seal();
    await reached;
    expect(await fourth.seal()).toEqual({ epoch: 3 });
    delayed.release();
    expect(await pending).toEqual({ epoch: 4 });
  });

  describe('when the store does not answer', () => {
    const calls = [0, 1];
    const cases = (['lost', 'answer_lost', 'late'] as const).flatMap((fault) => calls.map((at) => ({ fault, at })));
    // A read has no late effect, and its lost answer is a lost read.
    test.each(cases.filter(({ fault, at }) => at === 1 || fault === 'lost'))(
      '$fault at call $at: the keys go all the same, and the next unseal records it',
      async ({ fault, at }) => {
        const store = new FaultyStore(new MemoryStore());
        const world = await SealWorld.unsealed({ store });
        const { barrier } = world.installation.unsealed!;
        let sealedCount = 0;
        world.installation.onSealed(() => (sealedCount += 1));
        const before = store.calls;
        store.choose = ({ index }) => (index === before + at ? fault : 'none');
        await expect(world.seal()).rejects.toMatchObject({ code: 'unavailable' });
        expect(world.installation.state).toBe('sealed');
        expect(sealedCount).toBe(1);
        expect(() => barrier.keyOf('a')).toThrow(sealed);
        await store.deliverLate();
        await world.unseal();
        const { barrier: next } = world.installation.unsealed!;
        await world.installation.audit.resolve(store, { limit: 10 });
        expect(next.keyOf('a')).not.toBe('');
        expect(await world.auditRecords()).toContainEqual(
          expect.objectContaining({ act: 'seal', outcome: 'ok', reason: 'sealed_without_record' }),
        );
      },
    );

    test('a seal that was stored although the answer said no is a seal', async () => {
      const store = new FaultyStore(new MemoryStore());
      const world = await SealWorld.unsealed({ store });
      store.choose = ({ transaction }) => (transaction === undefined ? 'none' : 'sent_twice');
      expect(await world.seal()).toEqual({ epoch: 1 });
      expect(world.installation.state).toBe('sealed');
    });
  });

  test('a damaged epoch does not keep the keys', async () => {
    const world = await SealWorld.unsealed();
    await world.store.transact({ compare: [], then: [{ do: 'put', key: 'sys/epoch', value: encodeUtf8('x') }] });
    await expect(world.seal()).rejects.toMatchObject({ code: 'internal', reason: 'storage_integrity' });
    expect(world.installation.state).toBe('sealed');
  });
});

describe('stateStatement()', () => {
  const tls = 'A'.repeat(43);

  test('is signed by the instance key for the TLS key, and good for five minutes', async () => {
    const world = await SealWorld.unsealed();
    const key = importVerifyingKey(world.installation.configuration!.sik);
    const iat = world.clock.nowSeconds();
    expect(verifyState(world.installation.stateStatement(tls), key, { tls })).toEqual({
      exp: iat + 300,
      iat,
      inst: world.installation.unsealed!.inst,
      td: 'test.example',
      tls,
    });
  });

  test('is kept for a minute, for one TLS key', async () => {
    const world = await SealWorld.unsealed();
    const first = world.installation.stateStatement(tls);
    world.clock.advance(59);
    expect(world.installation.stateStatement(tls)).toBe(first);
    world.clock.advance(1);
    const second = world.installation.stateStatement(tls);
    expect(second).not.toBe(first);
    expect(world.installation.stateStatement('B'.repeat(42) + 'A')).not.toBe(second);
  });

  test('says why there is none', async () => {
    const world = new SealWorld();
    await world.installation.load();
    expect(() => world.installation.stateStatement(tls)).toThrow(expect.objectContaining({ code: 'uninitialised' }));
  });
});

describe('acknowledgeShare()', () => {
  test('counts holders of the generation, each once', async () => {
    const world = await SealWorld.unsealed();
    expect(await world.acknowledge(world.admin(0))).toEqual({ have: 1, n: 3 });
    expect(await world.acknowledge(world.admin(0))).toEqual({ have: 1, n: 3 });
    expect(await world.acknowledge(world.admin(2))).toEqual({ have: 2, n: 3 });
    expect((await world.auditRecords()).at(-1)).toMatchObject({
      act: 'share.ack',
      who: world.admin(2).certificate.id,
      factor: 'admin',
      outcome: 'ok',
    });
  });

  test('refuses a wrong acknowledgement, with an audit record', async () => {
    const world = await SealWorld.unsealed();
    await expect(world.acknowledge(world.admin(), 'A'.repeat(43))).rejects.toMatchObject({
      code: 'conflict',
      reason: 'share_acknowledgement',
    });
    expect((await world.auditRecords()).at(-1)).toMatchObject({
      act: 'share.ack',
      outcome: 'refused',
      reason: 'share_acknowledgement',
    });
    expect((await world.store.range({ prefix: 'sys/ack/', limit: 1 })).entries).toEqual([]);
  });

  test('answers an operation again, without another record', async () => {
    const world = await SealWorld.unsealed();
    const ack = shareAcknowledgement(await world.shareOf(world.admin()), world.installation.configuration!.inst);
    const { permitted, operation } = await world.permitted('share.ack', { ack });
    const first = await world.installation.acknowledgeShare(permitted, ack, operation);
    const before = await world.auditRecords();
    expect(await world.installation.acknowledgeShare(permitted, ack, operation)).toEqual(first);
    expect(await world.auditRecords()).toEqual(before);
  });

  test('refuses one that was applied for another admin', async () => {
    const world = await SealWorld.unsealed();
    const ack = shareAcknowledgement(await world.shareOf(world.admin()), world.installation.configuration!.inst);
    const { permitted, operation } = await world.permitted('share.ack', { ack });
    await world.installation.acknowledgeShare(permitted, ack, operation);
    const other = { ...operation, signers: ['A'.repeat(43)] };
    await expect(world.installation.acknowledgeShare(permitted, ack, other)).rejects.toMatchObject({
      code: 'conflict',
      reason: 'operation_applied',
    });
  });

  test('refuses an admin without a share', async () => {
    const world = await SealWorld.unsealed();
    const other = await SealWorld.unsealed({ admins: [makeTestAdmin('x'), makeTestAdmin('y')] });
    const { permitted, operation } = await other.permitted('share.ack', { ack: 'A'.repeat(43) });
    await expect(world.installation.acknowledgeShare(permitted, 'A'.repeat(43), operation)).rejects.toMatchObject({
      code: 'denied',
      reason: 'init_cert',
    });
  });

  test('refuses while sealed', async () => {
    const world = await SealWorld.unsealed();
    const { permitted, operation } = await world.permitted('share.ack', { ack: 'A'.repeat(43) });
    await world.seal();
    await expect(world.installation.acknowledgeShare(permitted, 'A'.repeat(43), operation)).rejects.toMatchObject({
      code: 'sealed',
    });
  });

  test('a lost answer is unavailable and no refusal', async () => {
    const store = new FaultyStore(new MemoryStore());
    const world = await SealWorld.unsealed({ store });
    const refused: unknown[] = [];
    world.installation.onRefused((facts) => refused.push(facts));
    store.choose = ({ transaction }) => (transaction === undefined ? 'none' : 'answer_lost');
    await expect(world.acknowledge()).rejects.toMatchObject({ code: 'unavailable' });
    expect(refused).toEqual([]);
    store.choose = () => 'none';
    expect(await world.acknowledge(world.admin(1))).toEqual({ have: 2, n: 3 });
  });
});
