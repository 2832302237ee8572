import { beforeAll, describe, expect, test } from '@jest/globals';
import {
  generateOpeningKey,
  importVerifyingKey,
  openJws,
  publicOfOpening,
  SecretBytes,
  sealJwe,
  sealShare,
} from '@letterlock/crypto';
import { encodeUtf8, transcriptClaims, typ } from '@letterlock/protocol';
import { FaultyStore } from '../store/testing/faulty-store.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { delayOnce } from './testing/delay-once.ts';
import { makeTestAdmin, SealWorld, type ShareChanges, type TestAdmin } from './testing/seal-world.ts';

/** Making an RSA key takes seconds on a busy machine. */
const rsaSeconds = 60;
const stranger = makeTestAdmin('stranger');

/** A sealed process on an installation that exists. */
async function sealedWorld(): Promise<SealWorld> {
  const world = await SealWorld.unsealed();
  return world.restarted();
}

describe('giveShare()', () => {
  test.each(['P-256', 'P-384', 'RSA'] as const)(
    'one admin with a %s key unseals',
    async (kind) => {
      const admins = [makeTestAdmin('alice', kind), makeTestAdmin('bob')];
      const world = await (await SealWorld.unsealed({ admins })).restarted();
      expect(world.installation.state).toBe('sealed');
      await world.unseal();
      expect(world.installation.state).toBe('unsealed');
    },
    rsaSeconds * 1000,
  );

  test('each admin alone suffices, and what was stored before is there', async () => {
    const first = await SealWorld.unsealed();
    const { barrier, inst, instanceKey } = first.installation.unsealed!;
    const record = barrier.seal('wrap/env/x', encodeUtf8('content'));
    for (const admin of first.admins) {
      const world = await first.restarted();
      await world.unseal(admin);
      const { unsealed } = world.installation;
      expect(unsealed).toMatchObject({ inst, generation: 1 });
      expect(unsealed!.instanceKey.thumbprint).toBe(instanceKey.thumbprint);
      expect(Buffer.from(unsealed!.barrier.open('wrap/env/x', record)).toString()).toBe('content');
    }
  });

  test('gives a transcript by the instance key, which status shows for ten minutes', async () => {
    const world = await sealedWorld();
    const transcript = await world.unseal(world.admin(1));
    const key = importVerifyingKey(world.installation.configuration!.sik);
    const claims = openJws(transcript, { typ: typ.transcript, key, claims: transcriptClaims });
    const { revision } = await world.store.range({ key: 'sys/seal' });
    expect(claims).toEqual({
      admins: [world.admin(1).certificate.id],
      boot: world.boot.boot,
      gen: 1,
      rev: revision,
      t: world.clock.nowSeconds(),
    });
    const status = () => world.installation.unsealStatus(world.admin().certificate.id);
    expect(status()).toMatchObject({ transcript, have: 1, given: [world.admin(1).certificate.id] });
    world.clock.advance(599);
    expect(status().transcript).toBe(transcript);
    world.clock.advance(1);
    expect(status()).not.toHaveProperty('transcript');
  });

  test('writes who unsealed, in the transaction that stands for the unseal', async () => {
    const world = await sealedWorld();
    await world.unseal(world.admin(2));
    const who = world.admin(2).certificate.id;
    const facts = {
      who,
      factor: 'admin',
      listener: 'direct',
      obj: 'sys/seal',
      outcome: 'ok',
      reason: 'ok',
      req: 'request-1',
    };
    expect(await world.auditRecords()).toEqual([
      expect.objectContaining({ seq: 1, act: 'unseal.share', ...facts }),
      expect.objectContaining({ seq: 2, act: 'unseal', ...facts }),
    ]);
  });

  test('tells listeners before it returns', async () => {
    const world = await sealedWorld();
    const seen: unknown[] = [];
    world.installation.onUnsealed((unsealed) => seen.push(unsealed));
    await world.unseal();
    expect(seen).toEqual([world.installation.unsealed]);
  });

  describe('refuses', () => {
    interface Case {
      readonly name: string;
      readonly change: (world: SealWorld) => ShareChanges | Promise<ShareChanges>;
      readonly code: string;
      readonly reason: string;
      /** Whether the audit trail names the sender. */
      readonly isBlamed: boolean;
    }
    const cases: readonly Case[] = [
      {
        name: 'the sealed share of another admin',
        change: (world) => ({ signing: world.admin(1).signing }),
        code: 'conflict',
        reason: 'share_context',
        isBlamed: true,
      },
      {
        name: 'a stranger',
        change: () => ({ signing: stranger.signing }),
        code: 'bad_proof',
        reason: 'init_cert',
        isBlamed: false,
      },
      {
        name: 'another typ',
        change: () => ({ typ: typ.operation }),
        code: 'bad_encoding',
        reason: 'wrong_typ',
        isBlamed: false,
      },
      {
        name: 'another boot',
        change: () => ({ claims: { boot: 'A'.repeat(43) } }),
        code: 'conflict',
        reason: 'share_boot',
        isBlamed: false,
      },
      {
        name: 'a nonce of another process',
        change: async (world) => ({ claims: { nonce: (await world.restarted()).nonces.issue() } }),
        code: 'bad_nonce',
        reason: 'nonce_invalid',
        isBlamed: false,
      },
      {
        name: 'the purpose rekey',
        change: () => ({ claims: { purpose: `rekey:${'A'.repeat(43)}` } }),
        code: 'conflict',
        reason: 'share_purpose',
        isBlamed: true,
      },
      {
        name: 'another installation',
        change: () => ({ claims: { inst: 'A'.repeat(22) } }),
        code: 'conflict',
        reason: 'share_instance',
        isBlamed: true,
      },
      {
        name: 'another generation',
        change: () => ({ claims: { gen: 2 } }),
        code: 'conflict',
        reason: 'share_generation',
        isBlamed: true,
      },
      {
        name: 'another commitment than the stored one',
        change: () => ({ claims: { c: 'A'.repeat(43) } }),
        code: 'conflict',
        reason: 'share_commitment',
        isBlamed: true,
      },
      {
        name: 'another share, with its own commitment',
        change: () => ({ share: SecretBytes.random(32) }),
        code: 'conflict',
        reason: 'share_commitment',
        isBlamed: true,
      },
      {
        name: 'another share, under the stored commitment',
        change: (world) => ({
          share: SecretBytes.random(32),
          claims: { c: world.installation.configuration!.admins[0]!.c },
        }),
        code: 'conflict',
        reason: 'share_commitment',
        isBlamed: true,
      },
      {
        name: 'a share of the wrong length',
        change: () => ({ share: SecretBytes.random(33) }),
        code: 'bad_encoding',
        reason: 'share_malformed',
        isBlamed: true,
      },
      {
        name: 'a share that another admin sealed',
        change: (world) => ({ sealedBy: world.admin(1).certificate.id }),
        code: 'conflict',
        reason: 'share_context',
        isBlamed: true,
      },
      {
        name: 'a share sealed for another boot',
        change: () => ({ context: { boot: 'A'.repeat(43) } }),
        code: 'conflict',
        reason: 'share_context',
        isBlamed: true,
      },
      {
        name: 'a share sealed for another installation',
        change: () => ({ context: { inst: 'A'.repeat(22) } }),
        code: 'conflict',
        reason: 'share_context',
        isBlamed: true,
      },
      {
        name: 'a share sealed for another generation',
        change: () => ({ context: { gen: 2 } }),
        code: 'conflict',
        reason: 'share_context',
        isBlamed: true,
      },
      {
        name: 'a share sealed for another purpose',
        change: () => ({ context: { purpose: 'rekey' } }),
        code: 'conflict',
        reason: 'share_context',
        isBlamed: true,
      },
      {
        name: 'a share sealed to another key',
        change: async (world) => ({ claims: { s: await shareToForeignKey(world) } }),
        code: 'bad_envelope',
        reason: 'slot_open',
        isBlamed: true,
      },
      {
        name: 'a slot in place of the share (T-23)',
        change: async (world) => ({ claims: { s: await slotToBoot(world) } }),
        code: 'bad_encoding',
        reason: 'wrong_typ',
        isBlamed: true,
      },
      {
        name: "the admin's own stored share (T-23)",
        change: (world) => ({ claims: { s: world.installation.unsealStatus(world.admin().certificate.id).share } }),
        code: 'bad_encoding',
        reason: 'wrong_typ',
        isBlamed: true,
      },
      {
        name: 'a stored share made for the boot key (T-23)',
        change: async (world) => ({ claims: { s: await storedShareToBoot(world) } }),
        code: 'bad_encoding',
        reason: 'wrong_typ',
        isBlamed: true,
      },
    ];

    test.each(cases)('$name', async ({ change, code, reason, isBlamed }) => {
      const world = await sealedWorld();
      const refused: string[] = [];
      world.installation.onRefused((facts) => refused.push(`${facts.who} ${facts.reason}`));
      const changes = await change(world);
      const jws = await world.unsealJws(world.admin(), changes);
      await expect(world.giveShare(jws)).rejects.toMatchObject({ code, reason });
      expect(world.installation.state).toBe('sealed');
      expect(world.installation.alarm).toBeUndefined();
      const sender = changes.signing === world.admin(1).signing ? world.admin(1) : world.admin();
      expect(refused).toEqual(isBlamed ? [`${sender.certificate.id} ${reason}`] : []);
      // The refusal is written with the next unseal, and that one works.
      await world.unseal(world.admin(2));
      const written = (await world.auditRecords()).map((record) => `${record.act} ${record.outcome} ${record.reason}`);
      expect(written).toEqual([
        ...(isBlamed ? [`unseal.share refused ${reason}`] : []),
        'unseal.share ok ok',
        'unseal ok ok',
      ]);
    });

    async function shareToForeignKey(world: SealWorld): Promise<string> {
      const boot = { ...world.boot, enc: generateOpeningKey() };
      const other = new SealWorld({ store: world.store, admins: world.admins, boot });
      await other.installation.load();
      const jws = await other.unsealJws(world.admin(), { context: { boot: world.boot.boot } });
      return (JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString()) as { s: string }).s;
    }
    async function slotToBoot(world: SealWorld): Promise<string> {
      const share = await world.shareOf(world.admin());
      return sealJwe({
        typ: typ.slot,
        to: publicOfOpening(world.boot.enc),
        header: { eh: 'A'.repeat(43) },
        plaintext: share.expose(),
      });
    }
    async function storedShareToBoot(world: SealWorld): Promise<string> {
      const { inst, gen } = world.installation.configuration!;
      const share = await world.shareOf(world.admin());
      return sealShare({ to: publicOfOpening(world.boot.enc), inst, gen, x: 1, share });
    }

    test('a changed signature', async () => {
      const world = await sealedWorld();
      const jws = await world.unsealJws();
      const [head, body, signature] = jws.split('.') as [string, string, string];
      const changed = Buffer.from(signature, 'base64url');
      changed.writeUInt8(changed.readUInt8(5) ^ 1, 5);
      const forged = `${head}.${body}.${changed.toString('base64url')}`;
      await expect(world.giveShare(forged)).rejects.toMatchObject({ code: 'bad_proof', reason: 'signature_invalid' });
      // The nonce was not used up by the forgery.
      await world.giveShare(jws);
      expect(world.installation.state).toBe('unsealed');
    });

    test('a stranger without using up the nonce', async () => {
      const world = await sealedWorld();
      const jws = await world.unsealJws();
      const { nonce } = JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString()) as { nonce: string };
      const foreign = await world.unsealJws(world.admin(), { signing: stranger.signing, claims: { nonce } });
      await expect(world.giveShare(foreign)).rejects.toMatchObject({ code: 'bad_proof' });
      await world.giveShare(jws);
      expect(world.installation.state).toBe('unsealed');
    });

    test('a replay, also after a seal', async () => {
      const world = await sealedWorld();
      const jws = await world.unsealJws();
      await world.giveShare(jws);
      await expect(world.giveShare(jws)).rejects.toMatchObject({ code: 'bad_nonce' });
      await world.seal();
      await expect(world.giveShare(jws)).rejects.toMatchObject({ code: 'bad_nonce' });
      expect(world.installation.state).toBe('sealed');
    });

    test('a captured share at the next start', async () => {
      const world = await sealedWorld();
      const jws = await world.unsealJws();
      const next = await world.restarted();
      await expect(next.giveShare(jws)).rejects.toMatchObject({ code: 'conflict', reason: 'share_boot' });
    });

    test('a share when already unsealed, with an audit record', async () => {
      const world = await sealedWorld();
      await world.unseal();
      const problem = { code: 'conflict', reason: 'already_unsealed' };
      await expect(world.unseal(world.admin(1))).rejects.toMatchObject(problem);
      const records = await world.auditRecords();
      expect(records.map(({ act, outcome, reason }) => `${act} ${outcome} ${reason}`)).toEqual([
        'unseal.share ok ok',
        'unseal ok ok',
        'unseal.share refused already_unsealed',
      ]);
      expect(records.at(-1)).toMatchObject({ who: world.admin(1).certificate.id });
    });

    test('any share before initialisation', async () => {
      const world = new SealWorld();
      await world.installation.load();
      const jws = await (await sealedWorld()).unsealJws();
      await expect(world.giveShare(jws)).rejects.toMatchObject({ code: 'uninitialised' });
    });

    test('any share before the store was read', async () => {
      const sealed = await sealedWorld();
      const world = new SealWorld({ store: sealed.store, admins: sealed.admins });
      expect(world.installation.state).toBe('sealed');
      const jws = await sealed.unsealJws();
      await expect(world.giveShare(jws)).rejects.toMatchObject({ code: 'unavailable', reason: 'store_not_read' });
    });
  });

  describe('with two shares at once', () => {
    test('one unseals and the other is refused', async () => {
      const world = await sealedWorld();
      const [one, other] = await Promise.all([world.unsealJws(world.admin(0)), world.unsealJws(world.admin(1))]);
      const results = await Promise.allSettled([world.giveShare(one), world.giveShare(other)]);
      expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      expect(results.find((result) => result.status === 'rejected')).toMatchObject({
        reason: { code: 'conflict', reason: 'already_unsealed' },
      });
      const { barrier } = world.installation.unsealed!;
      expect(barrier.open('a', barrier.seal('a', encodeUtf8('x')))).toEqual(Buffer.from('x'));
      await world.installation.unsealed!.audit.record(world.store, (await world.auditRecords())[0]!);
    });

    test('an unseal that began before a seal does not end after it', async () => {
      const first = await SealWorld.unsealed();
      const store = new FaultyStore(first.store);
      const world = await first.restarted({ store });
      const late = await world.unsealJws(world.admin(1));
      const reached = delayOnce(
        store,
        ({ transaction }) => transaction?.then.some(({ do: verb }) => verb === 'put') === true,
      );
      const attempt = world.giveShare(late);
      await reached;
      await world.unseal(world.admin(0));
      await world.seal();
      store.release();
      await expect(attempt).rejects.toMatchObject({ code: 'conflict' });
      expect(world.installation.state).toBe('sealed');
    });
  });

  describe('when the store does not answer', () => {
    test.each([0, 1])('at call %i it stays sealed without a refusal, and the next share unseals', async (failing) => {
      const first = await SealWorld.unsealed();
      for (const fault of ['lost', 'answer_lost'] as const) {
        const store = new FaultyStore(first.store);
        const world = await first.restarted({ store });
        const jws = await world.unsealJws();
        const before = store.calls;
        store.choose = ({ index }) => (index === before + failing ? fault : 'none');
        const refused: unknown[] = [];
        world.installation.onRefused((facts) => refused.push(facts));
        await expect(world.giveShare(jws)).rejects.toMatchObject({ code: 'unavailable' });
        expect(world.installation.state).toBe('sealed');
        expect(world.installation.unsealed).toBeUndefined();
        expect(refused).toEqual([]);
        await world.unseal();
        expect(world.installation.state).toBe('unsealed');
      }
    });

    test('a record that was stored although the answer said no counts', async () => {
      const first = await SealWorld.unsealed();
      const store = new FaultyStore(first.store);
      const world = await first.restarted({ store });
      store.choose = ({ transaction }) => (transaction?.then.length === 2 ? 'sent_twice' : 'none');
      await world.unseal();
      expect(world.installation.state).toBe('unsealed');
    });
  });

  test('keeps no more than 32 refusals of admins while sealed', async () => {
    const world = await sealedWorld();
    for (let index = 0; index < 40; index += 1) {
      const jws = await world.unsealJws(world.admin(), { claims: { gen: 2 } });
      await expect(world.giveShare(jws)).rejects.toMatchObject({ reason: 'share_generation' });
    }
    await world.unseal();
    expect(await world.auditRecords()).toHaveLength(34);
    await world.seal();
    await world.unseal();
    expect(await world.auditRecords()).toHaveLength(37);
  });
});

describe('unsealStatus()', () => {
  let world: SealWorld;
  let admin: TestAdmin;
  beforeAll(async () => {
    world = await sealedWorld();
    admin = world.admin();
  });

  test('shows the own share, this boot, and who is missing', () => {
    const configuration = world.installation.configuration!;
    expect(world.installation.unsealStatus(admin.certificate.id)).toEqual({
      admins: world.admins.map(({ certificate }) => certificate.id),
      benc: world.boot.enc.jwk,
      boot: world.boot.boot,
      gen: 1,
      given: [],
      have: 0,
      inst: configuration.inst,
      k: 1,
      n: 3,
      share: configuration.admins[0]!.share,
      x: 1,
    });
  });

  test('shows a stranger nothing', () => {
    expect(() => world.installation.unsealStatus(stranger.certificate.id)).toThrow(
      expect.objectContaining({ code: 'denied', reason: 'init_cert' }),
    );
  });

  test('says so before initialisation and before the store was read', async () => {
    const empty = new SealWorld({ store: new MemoryStore() });
    const ask = () => empty.installation.unsealStatus(empty.admin().certificate.id);
    expect(ask).toThrow(expect.objectContaining({ code: 'unavailable' }));
    await empty.installation.load();
    expect(ask).toThrow(expect.objectContaining({ code: 'uninitialised' }));
  });

  test('counts nothing after a seal', async () => {
    const other = await SealWorld.unsealed();
    await other.seal();
    await other.unseal();
    await other.seal();
    const status = other.installation.unsealStatus(other.admin().certificate.id);
    expect(status).toMatchObject({ have: 0, given: [] });
    expect(status).not.toHaveProperty('transcript');
  });
});
