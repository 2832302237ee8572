import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  acknowledgementHash,
  bootFingerprint,
  generateOpeningKey,
  generateSigningKey,
  openJws,
  openUnsealShare,
  publicOf,
  publicOfOpening,
  readOperation,
  sealEnvelope,
  SecretBytes,
  sealShare,
  shareAcknowledgement,
  shareCommitment,
  signJws,
  type OpeningKey,
} from '@letterlock/crypto';
import { typ, unsealClaims, type JcsObject, type TranscriptClaims } from '@letterlock/protocol';
import { createIdentity, type Identity } from './identity.ts';
import type { Intercept } from './testing/fake-service.ts';
import { startFixture, type Fixture } from './testing/fixture.ts';
import type { GiveShareOptions } from './unseal.ts';

/** A sealed service that knows one admin. */
interface Sealed extends Fixture {
  readonly admin: Identity;
  readonly benc: OpeningKey;
  readonly boot: string;
  readonly share: SecretBytes;
  /** What the admin gives when all is right. */
  readonly right: GiveShareOptions;
  /** The unseal status; a test changes it. */
  status: Record<string, JcsObject[string]>;
  transcript: TranscriptClaims;
  /** Answer of the POST. */
  answer: () => Intercept;
}

let sealed: Sealed;
beforeEach(async () => {
  const fixture = await startFixture();
  const { service } = fixture;
  const admin = createIdentity({ isSingleKey: true });
  const benc = generateOpeningKey();
  const boot = bootFingerprint(service.tlsKey.thumbprint, benc.thumbprint);
  const share = SecretBytes.random(32);
  const context = { inst: service.inst, gen: 1 };
  const commitment = shareCommitment(service.inst, 1, share);
  const status = {
    admins: [admin.id],
    benc: benc.jwk as unknown as JcsObject,
    boot,
    gen: 1,
    given: [],
    have: 0,
    inst: service.inst,
    k: 1,
    n: 1,
    share: await sealShare({ to: publicOfOpening(admin.openingKeys[0]), ...context, x: 1, share }),
    x: 1,
  };
  service.changeState = ({ sik, td, v }) => ({ sik: sik!, state: 'sealed', td: td!, v: v! });
  sealed = {
    ...fixture,
    admin,
    benc,
    boot,
    share,
    right: { pin: { instance: service.inst, generation: 1, commitment }, boot },
    status,
    transcript: { admins: [admin.id], boot, gen: 1, rev: 1, t: 1 },
    answer: () => ({
      status: 200,
      body: {
        transcript: signJws({
          typ: typ.transcript,
          key: service.instanceKey,
          claims: sealed.transcript,
        }),
      },
    }),
  };
  service.intercept = ({ path, method }) => {
    if (path !== '/v1/sys/unseal') return 'continue';
    return method === 'GET' ? { status: 200, body: sealed.status } : sealed.answer();
  };
});
afterEach(() => sealed.close());

/** Requests in which a share could have left. */
function given(): readonly string[] {
  return sealed.service.requests('/v1/sys/unseal').flatMap(({ method, body }) => (method === 'POST' ? body : []));
}

describe('giveShare()', () => {
  test('gives the pinned share to the attested boot, encrypted', async () => {
    const { admin, benc, boot, client, right, service, share } = sealed;
    const outcome = await client(admin).giveShare(right);
    expect(outcome).toMatchObject({ isUnsealed: true, transcript: { boot }, pin: right.pin });
    const { jws } = JSON.parse(given()[0]!) as { jws: string };
    const claims = openJws(jws, { typ: typ.unseal, key: publicOf(admin.signingKey), claims: unsealClaims });
    expect(claims).toMatchObject({ boot, gen: 1, inst: service.inst, purpose: 'unseal' });
    const context = { adminId: admin.id, boot, inst: service.inst, gen: 1, purpose: 'unseal' };
    expect((await openUnsealShare(claims.s, benc, context)).equals(share)).toBe(true);
    expect(service.requests('/v1/sys/unseal')[1]!.authorization).toBeUndefined();
  });

  test('says how many shares are missing', async () => {
    const { admin, client, right } = sealed;
    sealed.answer = () => ({ status: 202, body: { have: 1, k: 2 } });
    expect(await client(admin).giveShare(right)).toEqual({ isUnsealed: false, have: 1, k: 2, pin: right.pin });
  });

  test('without a pin returns one, when that was said', async () => {
    const { admin, boot, client, right } = sealed;
    const outcome = await client(admin).giveShare({ boot, pin: { acceptUnpinned: true } });
    expect(outcome.pin).toEqual(right.pin);
  });

  test('T-23: refuses a slot that was sealed to a user before its key is used', async () => {
    const { admin, client, right } = sealed;
    const { envelope } = await sealEnvelope({
      header: { kind: 'once', mode: 'e2e', path: 'a', ver: 1, iat: 1, exp: 2, win: 60, rcp: [`k:${admin.id}`] },
      content: Buffer.from('secret'),
      recipients: [publicOfOpening(admin.openingKeys[0])],
      writer: generateSigningKey(),
    });
    sealed.status['share'] = envelope.slots[0]!;
    const untouchable = { ...admin, openingKeys: [keyThatMustNotBeUsed(admin.openingKeys[0])] as const };
    await expect(client(untouchable).giveShare(right)).rejects.toMatchObject({
      name: 'IntegrityError',
      reason: 'wrong_typ',
    });
    expect(given()).toEqual([]);
  });

  test.each([
    { name: 'of another instance', change: { inst: 'AAAAAAAAAAAAAAAAAAAAAA' } },
    { name: 'of an older generation', change: { gen: 2 } },
  ])('refuses a share $name before its key is used', async ({ change }) => {
    const { admin, client, right, service, share } = sealed;
    const context = { inst: service.inst, gen: 1, ...change };
    sealed.status['share'] = await sealShare({ to: publicOfOpening(admin.openingKeys[0]), ...context, x: 1, share });
    const untouchable = { ...admin, openingKeys: [keyThatMustNotBeUsed(admin.openingKeys[0])] as const };
    await expect(client(untouchable).giveShare(right)).rejects.toMatchObject({
      name: 'IntegrityError',
      reason: 'share_generation',
    });
    expect(given()).toEqual([]);
  });

  test('T-35: refuses a share that is not the pinned one', async () => {
    const { admin, client, right, service } = sealed;
    using other = SecretBytes.random(32);
    const context = { inst: service.inst, gen: 1, x: 1, share: other };
    sealed.status['share'] = await sealShare({ to: publicOfOpening(admin.openingKeys[0]), ...context });
    await expect(client(admin).giveShare(right)).rejects.toMatchObject({
      name: 'IntegrityError',
      reason: 'share_commitment',
    });
    expect(given()).toEqual([]);
  });

  test.each([
    { name: 'the fingerprint that is expected', boot: 'A'.repeat(43) },
    { name: 'the attestation', boot: () => false },
  ])('refuses a boot that fails $name', async ({ boot }) => {
    const { admin, client, right } = sealed;
    await expect(client(admin).giveShare({ ...right, boot })).rejects.toMatchObject({
      name: 'TrustError',
      code: 'boot_mismatch',
    });
    expect(given()).toEqual([]);
  });

  test('shows the attestation what it needs', async () => {
    const { admin, boot, client, right } = sealed;
    sealed.status['token'] = 'a.b.c';
    const shown: unknown[] = [];
    await client(admin).giveShare({ ...right, boot: (facts) => shown.push(facts) === 1 });
    expect(shown).toEqual([{ boot, token: 'a.b.c', trustDomain: 'test.example' }]);
  });

  test('refuses a boot that does not name the key of this connection', async () => {
    const { admin, benc, client, right } = sealed;
    const boot = bootFingerprint(generateSigningKey().thumbprint, benc.thumbprint);
    sealed.status['boot'] = boot;
    await expect(client(admin).giveShare({ ...right, boot })).rejects.toMatchObject({
      name: 'TrustError',
      code: 'boot_mismatch',
    });
    expect(given()).toEqual([]);
  });

  test('refuses another key to encrypt to than the boot names', async () => {
    const { admin, client, right } = sealed;
    sealed.status['benc'] = generateOpeningKey().jwk as unknown as JcsObject;
    await expect(client(admin).giveShare(right)).rejects.toMatchObject({ name: 'TrustError', code: 'boot_mismatch' });
    expect(given()).toEqual([]);
  });

  test('does not go to another process than the one that was asked', async () => {
    const { admin, client, right, service } = sealed;
    const { intercept } = service;
    service.intercept = async (seen) => {
      const answer = await intercept(seen);
      if (seen.method !== 'GET' || typeof answer !== 'object') return answer;
      service.replaceTlsKey();
      return { ...answer, headers: { connection: 'close' } };
    };
    await expect(client(admin).giveShare(right)).rejects.toMatchObject({ name: 'TrustError', code: 'boot_mismatch' });
    expect(given()).toEqual([]);
  });

  test.each([
    { name: 'of another boot', change: { boot: 'A'.repeat(43) }, reason: 'transcript_boot' },
    { name: 'of another generation', change: { gen: 2 }, reason: 'transcript_boot' },
    { name: 'without the own share', change: { admins: ['A'.repeat(43)] }, reason: 'transcript_admins' },
  ])('refuses a transcript $name', async ({ change, reason }) => {
    const { admin, client, right } = sealed;
    sealed.transcript = { ...sealed.transcript, ...change };
    await expect(client(admin).giveShare(right)).rejects.toMatchObject({ name: 'IntegrityError', reason });
  });

  test('refuses a transcript by another key than the pinned one', async () => {
    const { admin, client, right } = sealed;
    const transcript = signJws({
      typ: typ.transcript,
      key: generateSigningKey(),
      claims: sealed.transcript,
    });
    sealed.answer = () => ({ status: 200, body: { transcript } });
    await expect(client(admin).giveShare(right)).rejects.toMatchObject({
      name: 'IntegrityError',
      reason: 'signature_invalid',
    });
  });

  test('is not sent twice', async () => {
    const { admin, client, right } = sealed;
    sealed.answer = () => 'kill';
    await expect(client(admin).giveShare(right)).rejects.toMatchObject({ name: 'ConnectionError', outcome: 'unknown' });
    expect(given()).toHaveLength(1);
  });
});

describe('unsealStatus()', () => {
  test('verifies a transcript', async () => {
    const { admin, client, service } = sealed;
    expect((await client(admin).unsealStatus()).verifiedTranscript).toBeUndefined();
    const sign = (key = service.instanceKey): string =>
      signJws({ typ: typ.transcript, key, claims: sealed.transcript });
    sealed.status['transcript'] = sign();
    sealed.status['given'] = [admin.id];
    expect((await client(admin).unsealStatus()).verifiedTranscript).toEqual(sealed.transcript);
    sealed.status['given'] = [generateSigningKey().thumbprint];
    await expect(client(admin).unsealStatus()).rejects.toMatchObject({ reason: 'transcript_admins' });
    sealed.status['transcript'] = sign(generateSigningKey());
    await expect(client(admin).unsealStatus()).rejects.toMatchObject({ reason: 'signature_invalid' });
  });
});

describe('unsealStatus().isVouched', () => {
  test('says whether the instance key has signed for this connection', async () => {
    const { admin, client, service } = sealed;
    expect(await client(admin).unsealStatus()).toMatchObject({ isVouched: false, trustDomain: 'test.example' });
    service.changeState = (state) => state;
    expect(await client(admin).unsealStatus()).toMatchObject({ isVouched: true });
  });
});

describe('checkShare()', () => {
  beforeEach(() => {
    const { service } = sealed;
    service.changeState = (state) => state;
    const { intercept } = service;
    service.intercept = (seen) => (seen.path === '/v1/sys/op' ? { status: 200, body: {} } : intercept(seen));
  });

  test('returns the pin and proves that the share opens', async () => {
    const { admin, client, right, service, share } = sealed;
    expect(await client(admin).checkShare()).toEqual(right.pin);
    const [signed] = (JSON.parse(service.requests('/v1/sys/op')[0]!.body) as { ops: string[] }).ops;
    const { operation } = readOperation(signed!);
    const ack = shareAcknowledgement(share, service.inst);
    expect(operation).toMatchObject({ op: 'share.ack', inst: service.inst, args: { ack } });
    expect(acknowledgementHash(ack)).toHaveLength(43);
  });

  test.each([
    { name: 'commitment', change: { commitment: 'A'.repeat(43) }, reason: 'share_commitment' },
    { name: 'instance', change: { instance: 'AAAAAAAAAAAAAAAAAAAAAA' }, reason: 'share_instance' },
    { name: 'generation', change: { generation: 2 }, reason: 'share_generation' },
  ])('refuses another $name than the pinned one', async ({ change, reason }) => {
    const { admin, client, right, service } = sealed;
    if (!('commitment' in right.pin)) throw new TypeError('The fixture has a pin');
    const pin = { ...right.pin, ...change };
    await expect(client(admin).checkShare({ pin })).rejects.toMatchObject({ name: 'IntegrityError', reason });
    expect(service.requests('/v1/sys/op')).toEqual([]);
  });
});

/** The same key by name, whose private half ends the test where it is touched. */
function keyThatMustNotBeUsed(key: OpeningKey): OpeningKey {
  return Object.defineProperty({ ...key }, 'keyObject', {
    get: () => {
      throw new Error('The private key was used');
    },
  });
}
