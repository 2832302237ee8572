import { describe, expect, test } from '@jest/globals';
import {
  acknowledgementHash,
  importVerifyingKey,
  openJws,
  shareAcknowledgement,
  shareCommitment,
  signOperation,
} from '@letterlock/crypto';
import { encodeBase64url, encodeUtf8, transcriptClaims, typ } from '@letterlock/protocol';
import { FaultyStore, type Fault } from '../store/testing/faulty-store.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { Store } from '../store/store.ts';
import type { Keyring } from './keyring.ts';
import { makeTestAdmin, receivedDirect, SealWorld } from './testing/seal-world.ts';

async function newWorld(o: ConstructorParameters<typeof SealWorld>[0] = {}): Promise<SealWorld> {
  const world = new SealWorld(o);
  await world.installation.load();
  return world;
}

async function keysOf(store: Store): Promise<readonly string[]> {
  return (await store.range({ prefix: '', limit: 100 })).entries.map(({ key }) => key);
}

/** What a server does at its start. */
async function start({ installation }: SealWorld): Promise<void> {
  await installation.load();
  if (installation.state === 'uninitialised') await installation.initialise();
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'ok',
    (error: unknown) => (error as { code: string }).code,
  );
}

describe('initialise()', () => {
  test('goes from uninitialised to unsealed in one transaction', async () => {
    const world = await newWorld();
    expect(world.installation.state).toBe('uninitialised');
    expect(world.installation.configuration).toBeUndefined();
    const seen: unknown[] = [];
    world.installation.onUnsealed((unsealed) => seen.push(unsealed));
    await world.installation.initialise();
    expect(world.installation.state).toBe('unsealed');
    expect(seen).toEqual([world.installation.unsealed]);
    const { entries, revision } = await world.store.range({ prefix: '', limit: 100 });
    expect(new Set(entries.map(({ createRevision }) => createRevision))).toEqual(new Set([revision]));
    const literal = entries.map(({ key }) => key).filter((key) => key.startsWith('sys/'));
    const register = expect.stringMatching(/^sys\/ckpt\/of\/.{11}$/);
    const others = ['sys/epoch', 'sys/keyring', 'sys/peer-unseal', 'sys/schema', 'sys/seal'];
    expect(literal.toSorted()).toEqual([register, ...others]);
    // The only other one is the audit record.
    expect(entries).toHaveLength(7);
    expect(await world.auditRecords()).toEqual([
      expect.objectContaining({
        seq: 1,
        act: 'init',
        who: 'service',
        factor: 'configuration',
        listener: 'none',
        cb: 'none',
        obj: 'sys/seal',
        outcome: 'ok',
        reason: 'ok',
        req: 'start',
      }),
    ]);
  });

  test('writes the seal configuration as the protocol says', async () => {
    const world = await SealWorld.unsealed();
    const { inst, instanceKey } = world.installation.unsealed!;
    const stored = (await world.store.range({ key: 'sys/seal' })).entries[0]!;
    const configuration = world.installation.configuration!;
    expect(JSON.parse(Buffer.from(stored.value).toString())).toEqual(configuration);
    expect(Object.keys(configuration).toSorted()).toEqual([
      'admins',
      'gen',
      'inst',
      'k',
      'mac',
      'n',
      'scheme',
      'sik',
      'td',
      'v',
    ]);
    expect(configuration).toMatchObject({ v: 1, inst, gen: 1, td: 'test.example', k: 1, n: 3, scheme: 'any' });
    expect(configuration.sik).toEqual(instanceKey.jwk);
    for (const [index, admin] of world.admins.entries()) {
      const share = await world.shareOf(admin);
      expect(configuration.admins[index]).toMatchObject({
        id: admin.signing.thumbprint,
        sig: admin.signing.jwk,
        enc: admin.signing.jwk,
        c: shareCommitment(inst, 1, share),
        a: acknowledgementHash(shareAcknowledgement(share, inst)),
      });
    }
  });

  test('stores no key, share or name in clear', async () => {
    const world = await SealWorld.unsealed();
    const share = Buffer.from((await world.shareOf(world.admin())).expose());
    const kek = Buffer.from((await world.kekOf()).expose());
    const { keyring } = world.installation.unsealed!.barrier as unknown as { keyring: Keyring };
    const secrets = [share, kek, ...[keyring.termKey(1)!, keyring.namesKey].map((key) => Buffer.from(key.expose()))];
    for (const { value } of (await world.store.range({ prefix: '', limit: 100 })).entries) {
      const bytes = Buffer.from(value);
      for (const secret of secrets) {
        for (const form of [
          secret,
          ...(['base64url', 'base64', 'hex'] as const).map((name) => secret.toString(name)),
        ]) {
          expect(bytes.includes(form)).toBe(false);
        }
      }
      expect(bytes.includes('PRIVATE')).toBe(false);
    }
  });

  test('two installations share nothing', async () => {
    const [one, other] = [await SealWorld.unsealed(), await SealWorld.unsealed()];
    expect(one.installation.unsealed!.inst).not.toBe(other.installation.unsealed!.inst);
    const shares = [await one.shareOf(one.admin()), await other.shareOf(other.admin())] as const;
    expect(shares[0].equals(shares[1])).toBe(false);
  });

  test('refuses a second time', async () => {
    const world = await SealWorld.unsealed();
    const problem = { code: 'conflict', reason: 'already_initialised' };
    await expect(world.installation.initialise()).rejects.toMatchObject(problem);
    await world.seal();
    await expect(world.installation.initialise()).rejects.toMatchObject(problem);
  });

  test('refuses while another initialisation runs', async () => {
    const world = await newWorld();
    const results = await Promise.allSettled([world.installation.initialise(), world.installation.initialise()]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  test('refuses before the store was read', async () => {
    await expect(new SealWorld().installation.initialise()).rejects.toMatchObject({ reason: 'store_not_read' });
  });

  test('refuses without certificates', async () => {
    const world = await newWorld({ admins: [] });
    await expect(world.installation.initialise()).rejects.toThrow('no init certificate is configured');
  });

  test('of two processes on one store one wins, and the other is sealed on its installation', async () => {
    const one = await newWorld();
    const other = await one.restarted();
    expect(other.installation.state).toBe('uninitialised');
    await one.installation.initialise();
    await expect(other.installation.initialise()).rejects.toMatchObject({ reason: 'already_initialised' });
    expect(other.installation.state).toBe('sealed');
    await other.unseal();
    expect(other.installation.unsealed!.inst).toBe(one.installation.unsealed!.inst);
  });

  test('does not write over a keyring whose configuration is gone', async () => {
    const world = await newWorld();
    await world.store.transact({ compare: [], then: [{ do: 'put', key: 'sys/keyring', value: encodeUtf8('x') }] });
    await expect(world.installation.initialise()).rejects.toMatchObject({ code: 'unavailable' });
    expect(await keysOf(world.store)).toEqual(['sys/keyring']);
  });

  test('does not write over a configuration whose keyring is gone', async () => {
    const world = await newWorld();
    const other = await world.restarted();
    await world.installation.initialise();
    await world.store.transact({ compare: [], then: [{ do: 'delete', key: 'sys/keyring' }] });
    await expect(other.installation.initialise()).rejects.toMatchObject({ reason: 'already_initialised' });
    expect(other.installation.configuration).toEqual(world.installation.configuration);
    expect(await keysOf(world.store)).not.toContain('sys/keyring');
  });

  describe('with a store that fails at one call', () => {
    const calls = [0, 1, 2, 3, 4, 5];
    const cases = (['lost', 'answer_lost', 'sent_twice', 'late'] as const).flatMap((fault) =>
      calls.map((failing) => ({ fault, failing })),
    );
    test.each(cases)('$fault at call $failing: it never happened or it completes', async ({ fault, failing }) => {
      const inner = new MemoryStore();
      const store = new FaultyStore(inner, ({ index }): Fault => (index === failing ? fault : 'none'));
      const world = new SealWorld({ store });
      const codes = [await codeOf(start(world))];
      const keys = await keysOf(inner);
      expect([0, 7]).toContain(keys.length);
      // What reports success is in the store.
      expect(world.installation.state === 'unsealed' && keys.length !== 7).toBe(false);
      await store.deliverLate();
      const second = new SealWorld({ store: inner, admins: world.admins });
      codes.push(await codeOf(start(second)));
      expect(codes.filter((code) => !['ok', 'unavailable', 'conflict'].includes(code))).toEqual([]);
      expect(await keysOf(inner)).toHaveLength(7);
      const third = await second.restarted();
      for (const admin of third.admins) {
        await third.unseal(admin);
        await third.seal(admin);
      }
    });
  });
});

describe('initialiseByOperation()', () => {
  test('an admin of the configuration initialises and gets a transcript', async () => {
    const world = await newWorld();
    const { transcript } = await world.installation.initialiseByOperation(
      world.initJws(world.admin(1)),
      receivedDirect,
    );
    expect(world.installation.state).toBe('unsealed');
    const key = importVerifyingKey(world.installation.configuration!.sik);
    const who = world.admin(1).certificate.id;
    expect(openJws(transcript, { typ: typ.transcript, key, claims: transcriptClaims })).toMatchObject({
      admins: [who],
    });
    expect(await world.auditRecords()).toEqual([
      expect.objectContaining({ act: 'init', who, factor: 'admin', listener: 'direct', req: 'request-1' }),
    ]);
  });

  const stranger = makeTestAdmin('stranger');
  const expiry = 1_790_000_000;
  test.each([
    {
      name: 'a stranger',
      jws: (world: SealWorld) => world.initJws(stranger),
      code: 'bad_proof',
      reason: 'init_cert',
      isReported: false,
    },
    {
      name: 'a changed signature',
      jws: (world: SealWorld) => `${world.initJws().slice(0, -20)}${'A'.repeat(20)}`,
      code: 'bad_proof',
      reason: 'signature_invalid',
      isReported: false,
    },
    {
      name: 'another boot',
      jws: (world: SealWorld) => world.initJws(world.admin(), { args: { boot: 'A'.repeat(43) } }),
      code: 'conflict',
      reason: 'init_boot',
      isReported: true,
    },
    {
      name: 'another threshold',
      jws: (world: SealWorld) => world.initJws(world.admin(), { args: { k: 2 } }),
      code: 'conflict',
      reason: 'init_threshold',
      isReported: true,
    },
    {
      name: 'fewer certificates',
      jws: (world: SealWorld) =>
        world.initJws(world.admin(), { args: { admins: [encodeBase64url(world.admin().der)] } }),
      code: 'conflict',
      reason: 'init_admins',
      isReported: true,
    },
    {
      name: 'another certificate',
      jws: (world: SealWorld) =>
        world.initJws(world.admin(), {
          args: { admins: [world.admin(0), world.admin(1), stranger].map(({ der }) => encodeBase64url(der)) },
        }),
      code: 'conflict',
      reason: 'init_admins',
      isReported: true,
    },
    {
      name: 'an operation past its end',
      jws: (world: SealWorld) => world.initJws(world.admin(), { exp: expiry }),
      code: 'conflict',
      reason: 'operation_expired',
      isReported: true,
    },
    {
      name: 'an operation of 8 days',
      jws: (world: SealWorld) => world.initJws(world.admin(), { exp: expiry + 8 * 86_400 }),
      code: 'conflict',
      reason: 'operation_expired',
      isReported: true,
    },
  ])('refuses $name', async ({ jws, code, reason, isReported }) => {
    const world = await newWorld();
    const refused: string[] = [];
    world.installation.onRefused((facts) => refused.push(facts.reason));
    const attempt = world.installation.initialiseByOperation(jws(world), receivedDirect);
    await expect(attempt).rejects.toMatchObject({ code, reason });
    expect(world.installation.state).toBe('uninitialised');
    expect(await keysOf(world.store)).toEqual([]);
    expect(refused).toEqual(isReported ? [reason] : []);
  });

  test('refuses another operation of an admin', async () => {
    const world = await newWorld();
    const seal = signOperation(world.admin().signing, {
      args: {},
      exp: expiry + 60,
      inst: 'A'.repeat(22),
      nonce: 'A'.repeat(22),
      op: 'seal',
    });
    const attempt = world.installation.initialiseByOperation(seal, receivedDirect);
    await expect(attempt).rejects.toMatchObject({ code: 'conflict', reason: 'operation_kind' });
  });

  test('refuses when initialised, also the same operation again', async () => {
    const world = await newWorld();
    const jws = world.initJws();
    await world.installation.initialiseByOperation(jws, receivedDirect);
    const before = await keysOf(world.store);
    const attempt = world.installation.initialiseByOperation(jws, receivedDirect);
    await expect(attempt).rejects.toMatchObject({ code: 'conflict', reason: 'already_initialised' });
    expect(await keysOf(world.store)).toEqual(before);
  });
});

describe('the configuration for initialisation', () => {
  const admins = Array.from({ length: 17 }, (_, index) => makeTestAdmin(`admin ${index}`));
  test.each([
    { name: 'a threshold above the number of admins', options: { threshold: 4 }, message: 'there are only 3' },
    { name: 'a threshold of 0', options: { threshold: 0 }, message: 'must be 1 or more' },
    { name: 'a fraction as threshold', options: { threshold: 0.5 }, message: 'must be 1 or more' },
    { name: 'a single holder', options: { admins: admins.slice(0, 1) }, message: 'accept a single holder' },
    { name: '17 holders', options: { admins }, message: 'the most is 16' },
    { name: 'one key twice', options: { admins: [admins[0]!, admins[0]!] }, message: 'have the same key' },
  ])('refuses $name', ({ options, message }) => {
    expect(() => new SealWorld(options)).toThrow(message);
  });

  test('accepts a single holder who is accepted', async () => {
    const world = await SealWorld.unsealed({ admins: admins.slice(0, 1), acceptSingleHolder: true });
    await world.seal();
    await world.unseal();
    expect(world.installation.configuration).toMatchObject({ k: 1, n: 1, scheme: 'any' });
  });

  test('accepts 16 holders', async () => {
    const world = await SealWorld.unsealed({ admins: admins.slice(0, 16) });
    await world.seal();
    await world.unseal(admins[15]);
    expect(world.installation.state).toBe('unsealed');
  });
});

describe('admins()', () => {
  test('are those of the certificates, then those of the store with the names of the certificates', async () => {
    const world = await newWorld();
    const view = (each: SealWorld) =>
      [...each.installation.admins()].map(([id, { name, isAdmin, keyset }]) => [id, name, isAdmin, keyset]);
    const expected = world.admins.map(({ signing }, index) => [
      signing.thumbprint,
      ['alice', 'bob', 'carol'][index],
      true,
      undefined,
    ]);
    expect(view(world)).toEqual(expected);
    await world.installation.initialise();
    expect(view(world)).toEqual(expected);
    const next = await world.restarted({ admins: [] });
    expect(view(next)).toEqual(expected.map(([id, , ...rest]) => [id, '', ...rest]));
  });

  test('the store decides, not the certificates', async () => {
    const world = await SealWorld.unsealed();
    const stranger = makeTestAdmin('mallory');
    const next = await world.restarted({ admins: [stranger, world.admin()] });
    expect(next.installation.admins().has(stranger.certificate.id)).toBe(false);
    expect(next.installation.admins().size).toBe(3);
    const jws = await next.unsealJws(world.admin(), { signing: stranger.signing });
    await expect(next.giveShare(jws)).rejects.toMatchObject({ code: 'bad_proof', reason: 'init_cert' });
  });
});
