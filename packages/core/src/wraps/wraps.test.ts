import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  generateOpeningKey,
  generateSigningKey,
  openDelivery,
  publicOf,
  verifyReceipt,
  type OpeningKey,
} from '@letterlock/crypto';
import { canonicalBytes, decodeBase64url, isBase64url } from '@letterlock/protocol';
import type { AuditRecord } from '../audit/record.ts';
import {
  byMtls,
  callerFor,
  instanceKey,
  makeClaim,
  makeParty,
  reader,
  stranger,
  writer,
  WrapWorld,
  type MadeWrap,
} from './testing/wrap-world.ts';

const verifying = publicOf(instanceKey);
const code = (expected: string, rest: object = {}) => expect.objectContaining({ code: expected, ...rest });

let world: WrapWorld;
let wrap: MadeWrap;

beforeEach(async () => {
  world = new WrapWorld();
  wrap = await world.makeWrap();
});

/** All audit records, in the order of their numbers. */
function auditRecords(of: WrapWorld = world): AuditRecord[] {
  const records: AuditRecord[] = [];
  const entries = new Map([...of.memory.dump()].map((entry) => [entry.key, entry.value]));
  for (let seq = 1; seq <= of.audit.lastSeq; seq += 1) {
    const path = `au/AAAAAAAAAAA/${seq}`;
    const value = entries.get(of.barrier.keyOf(path));
    if (value !== undefined) records.push(JSON.parse(Buffer.from(of.barrier.open(path, value)).toString('utf8')));
  }
  return records;
}

async function failureOf(work: Promise<unknown>): Promise<{ readonly members: Record<string, unknown> }> {
  try {
    await work;
  } catch (error) {
    return error as { readonly members: Record<string, unknown> };
  }
  throw new Error('Expected a refusal');
}

function receiptIn(failure: { readonly members: Record<string, unknown> }) {
  return verifyReceipt(String(failure.members['rcpt']), verifying);
}

describe('Wraps.store()', () => {
  test('answers with a receipt of this envelope, bound to the request', async () => {
    const caller = callerFor(writer);
    const { created, rcpt } = await world.storeAs(writer, wrap, caller);
    expect(created).toBe(true);
    expect(verifyReceipt(rcpt, verifying)).toEqual({
      at: world.clock.nowSeconds(),
      eh: wrap.read.eh,
      id: wrap.id,
      nonce: caller.nonce,
      ph: wrap.read.ph,
      rev: world.memory.revision,
      st: 'STORED',
    });
  });

  test('leaves the nonce out of the receipt by mTLS', async () => {
    const { rcpt } = await world.storeAs(writer, wrap, byMtls);
    expect(verifyReceipt(rcpt, verifying).nonce).toBeUndefined();
  });

  test('needs one transaction and no read', async () => {
    await world.storeAs(writer, wrap);
    expect(world.store.calls).toBe(1);
  });

  test('keeps neither content nor path nor identities in clear', async () => {
    await world.storeAs(writer, wrap);
    const bytes = Buffer.concat([...world.memory.dump()].flatMap(({ key, value }) => [Buffer.from(key), value]));
    for (const text of ['team-a', 'password', 'hunter2', wrap.id, writer.id, reader.id, wrap.envelope.hdr]) {
      expect(bytes.includes(text)).toBe(false);
    }
  });

  test('of the same envelope again is not created, and has a fresh receipt', async () => {
    const first = await world.storeAs(writer, wrap);
    const caller = callerFor(writer);
    const again = await world.storeAs(writer, wrap, caller);
    expect(again.created).toBe(false);
    expect(verifyReceipt(again.rcpt, verifying)).toMatchObject({
      nonce: caller.nonce,
      rev: verifyReceipt(first.rcpt, verifying).rev,
      st: 'STORED',
    });
    expect(world.wraps.liveWrapsOf(writer.id)).toBe(1);
  });

  test('of the same envelope after its end tells the end and stores nothing', async () => {
    await world.storeAs(writer, wrap);
    await world.revokeAs(writer, wrap.id);
    const { rcpt } = await world.storeAs(writer, wrap);
    expect(verifyReceipt(rcpt, verifying).st).toBe('REVOKED');
    await expect(world.openAs(reader, wrap.id, makeClaim().request)).rejects.toThrow(code('gone'));
  });

  test('of other content under the same id is a conflict', async () => {
    await world.storeAs(writer, wrap);
    const other = await world.makeWrap({ id: wrap.id }, { content: 'another' });
    await expect(world.storeAs(writer, other)).rejects.toThrow(code('conflict', { reason: 'id_in_use', members: {} }));
  });

  test('by another writer under the same id is a conflict', async () => {
    await world.storeAs(writer, wrap);
    const other = await world.makeWrap({ id: wrap.id }, { by: stranger });
    await expect(world.storeAs(stranger, other)).rejects.toThrow(code('conflict'));
  });

  test.each([
    { name: 'that expires now', change: { exp: 1_790_000_000, iat: 1_789_999_999 }, reason: 'envelope_expired' },
    { name: 'issued 301 s ago', change: { iat: 1_790_000_000 - 301 }, reason: 'issued_at_skew' },
    { name: 'issued in 301 s', change: { iat: 1_790_000_000 + 301 }, reason: 'issued_at_skew' },
    {
      name: 'of mode svc',
      change: { mode: 'svc', rcp: ['spiffe://td/ns/a/sa/b'], bnd: 'a/b' },
      reason: 'mode_not_served',
    },
  ] as const)('refuses an envelope $name', async ({ change, reason }) => {
    const bad = await world.makeWrap(change);
    await expect(world.storeAs(writer, bad)).rejects.toThrow(code('bad_envelope', { reason, detail: undefined }));
    expect(world.wraps.liveWrapsOf(writer.id)).toBe(0);
  });

  test.each([300, -300])('accepts an envelope issued %d s from now', async (seconds) => {
    await expect(world.storeAs(writer, await world.makeWrap({ iat: 1_790_000_000 + seconds }))).resolves.toBeDefined();
  });

  test('refuses kind kv and stream for now', async () => {
    const header = { ...wrap.read.header, kind: 'kv' as const };
    const kv = { ...wrap, read: { ...wrap.read, header } };
    await expect(world.storeAs(writer, kv)).rejects.toThrow(code('bad_envelope', { reason: 'kind_not_served' }));
    const stream = { ...wrap, read: { ...wrap.read, header: { ...wrap.read.header, enc: 'stream' as const } } };
    await expect(world.storeAs(writer, stream)).rejects.toThrow(code('bad_envelope', { reason: 'stream_not_served' }));
  });

  test('refuses an envelope whose signature is over another payload', async () => {
    const other = await world.makeWrap();
    const forged = { ...wrap, read: { ...wrap.read, ph: other.read.ph } };
    await expect(world.storeAs(writer, forged)).rejects.toThrow(code('bad_envelope', { reason: 'envelope_hash' }));
  });

  test('refuses an envelope that another identity signed', async () => {
    const foreign = await world.makeWrap({}, { by: stranger });
    const permitted = world.permit<'wrap.store'>(
      { act: 'wrap.store', id: foreign.id, path: foreign.read.header.path, writer: stranger.id },
      callerFor(stranger),
    );
    // As if the policy had let it pass for another caller.
    const passed = { ...permitted, caller: callerFor(writer) };
    await expect(world.wraps.store(passed, canonicalBytes(foreign.envelope), foreign.read)).rejects.toThrow(
      code('bad_envelope', { reason: 'writer_is_not_caller' }),
    );
  });

  test.each([
    { name: 'id', change: { id: 'AAAAAAAAAAAAAAAAAAAAAA' } },
    { name: 'path', change: { path: 'team-a/other' } },
    { name: 'writer', change: { writer: stranger.id } },
  ])('refuses a permission for another $name', async ({ change }) => {
    const action = { act: 'wrap.store', id: wrap.id, path: wrap.read.header.path, writer: writer.id } as const;
    const permitted = world.permit<'wrap.store'>(action, callerFor(writer));
    const other = { ...permitted, action: { ...permitted.action, ...change } };
    await expect(world.wraps.store(other, canonicalBytes(wrap.envelope), wrap.read)).rejects.toThrow(
      'another envelope',
    );
    expect(world.store.calls).toBe(0);
  });

  test('refuses a recipient that is not registered', async () => {
    world.keysets.delete(reader.id);
    await expect(world.storeAs(writer, wrap)).rejects.toThrow(
      code('unknown_recipient', { reason: 'recipient_not_registered' }),
    );
  });

  test('refuses a recipient whose keyset has expired', async () => {
    const expired = makeParty({ exp: world.clock.nowSeconds() });
    world.keysets.set(expired.id, expired.keyset);
    const bad = await world.makeWrap({ rcp: [`k:${expired.id}`] }, { slotFor: expired.keyset.enc });
    await expect(world.storeAs(writer, bad)).rejects.toThrow(code('unknown_recipient'));
  });

  test('refuses a slot for a key that the recipient has rotated out', async () => {
    world.keysets.set(reader.id, makeParty({ sig: reader.sig }).keyset);
    await expect(world.storeAs(writer, wrap)).rejects.toThrow(
      code('unknown_recipient', { reason: 'recipient_key_not_current' }),
    );
  });

  test('refuses a writer without a keyset', async () => {
    world.keysets.delete(writer.id);
    await expect(world.storeAs(writer, wrap, { keyset: undefined })).rejects.toThrow(
      code('denied', { reason: 'writer_not_registered' }),
    );
  });

  describe('quota', () => {
    beforeEach(() => {
      world = new WrapWorld({ liveWrapsPerIdentity: 2 });
    });

    test('refuses one more live wrap than the limit, and only for that writer', async () => {
      await world.storeAs(writer, await world.makeWrap());
      await world.storeAs(writer, await world.makeWrap());
      await expect(world.storeAs(writer, wrap)).rejects.toThrow(code('rate', { retryAfterSeconds: 60 }));
      await expect(world.storeAs(stranger, await world.makeWrap({}, { by: stranger }))).resolves.toBeDefined();
    });

    test('holds against requests that run at once', async () => {
      const wraps = await Promise.all(Array.from({ length: 10 }, () => world.makeWrap()));
      const outcomes = await Promise.allSettled(wraps.map((each) => world.storeAs(writer, each)));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    });

    test('still answers the retry of what is stored', async () => {
      await world.storeAs(writer, wrap);
      await world.storeAs(writer, await world.makeWrap());
      await expect(world.storeAs(writer, wrap)).resolves.toMatchObject({ created: false });
      const other = await world.makeWrap({ id: wrap.id });
      await expect(world.storeAs(writer, other)).rejects.toThrow(code('conflict'));
    });

    test.each(['revoked', 'acknowledged', 'burned', 'expired'] as const)(
      'has room again when one is %s',
      async (how) => {
        await world.storeAs(writer, wrap);
        await world.storeAs(writer, await world.makeWrap());
        const claim = makeClaim();
        if (how === 'revoked') await world.revokeAs(writer, wrap.id);
        if (how === 'acknowledged' || how === 'burned') await world.openAs(reader, wrap.id, claim.request);
        if (how === 'acknowledged') await world.acknowledgeAs(reader, wrap.id, { cid: claim.cid });
        if (how === 'burned') world.clock.advance(60);
        if (how === 'expired') world.clock.advance(86_400);
        if (how === 'burned' || how === 'expired') await world.statusAs(writer, wrap.id);
        await expect(world.storeAs(writer, await world.makeWrap())).resolves.toMatchObject({ created: true });
      },
    );
  });
});

describe('Wraps.open()', () => {
  const claim = makeClaim();
  const read = (
    answer: Awaited<ReturnType<WrapWorld['openAs']>>,
    o: object = {},
    key: OpeningKey = claim.deliveryKey,
  ) =>
    openDelivery({
      answer,
      expected: {
        id: wrap.id,
        cid: claim.cid,
        readerId: reader.id,
        sentBodyHashes: [],
        isWriterAllowed: (id) => id === writer.id,
        ...o,
      },
      instanceKey: verifying,
      deliveryKey: key,
      encryptionKeys: [reader.enc],
    });

  beforeEach(() => world.storeAs(writer, wrap));

  test('gives what the reader can open, to its fresh key', async () => {
    const caller = callerFor(reader);
    const answer = await world.openAs(reader, wrap.id, claim.request, caller);
    const opened = await read(answer, { nonce: caller.nonce, sentBodyHashes: [caller.bodyHash] });
    expect(Buffer.from(opened.content.expose()).toString()).toBe('hunter2');
    expect(opened.delivery).toMatchObject({ at: world.clock.nowSeconds(), n: 1, bhs: [caller.bodyHash] });
    expect(opened.delivery.until).toBe(world.clock.nowSeconds() + 60);
  });

  test('gives it by mTLS to the registered key', async () => {
    const caller = callerFor(reader, byMtls);
    const answer = await world.openAs(reader, wrap.id, { cid: claim.cid }, caller);
    const opened = await read(answer, { sentBodyHashes: [caller.bodyHash] }, reader.enc);
    expect(Buffer.from(opened.content.expose()).toString()).toBe('hunter2');
    expect(opened.delivery.nonce).toBeUndefined();
    expect(await world.statusAs(writer, wrap.id)).toMatchObject({ proof: 'mtls' });
  });

  test('finds the registered key when the caller comes without its keyset', async () => {
    const caller = callerFor(reader, { ...byMtls, keyset: undefined });
    const answer = await world.openAs(reader, wrap.id, { cid: claim.cid }, caller);
    await expect(read(answer, { sentBodyHashes: [caller.bodyHash] }, reader.enc)).resolves.toBeDefined();
  });

  test('refuses rpk by mTLS, and claims nothing', async () => {
    await expect(world.openAs(reader, wrap.id, claim.request, byMtls)).rejects.toThrow(
      code('bad_encoding', { reason: 'rpk_by_mtls' }),
    );
    expect(await world.statusAs(writer, wrap.id)).not.toHaveProperty('proof');
  });

  test.each([
    { name: 'of another kind', rpk: generateSigningKey('Ed25519').jwk, reason: 'key_use' },
    { name: 'P-384', rpk: generateOpeningKey('P-384').jwk, reason: 'rpk_kind' },
    {
      name: 'that is no point',
      rpk: { ...generateOpeningKey().jwk, x: generateOpeningKey().jwk.kty },
      reason: 'key_form',
    },
  ])('refuses rpk $name, and claims nothing', async ({ rpk }) => {
    await expect(world.openAs(reader, wrap.id, { cid: claim.cid, rpk: { ...rpk } })).rejects.toThrow(code('bad_key'));
    expect(await world.statusAs(writer, wrap.id)).not.toHaveProperty('proof');
  });

  test('accepts an X25519 rpk', async () => {
    const key = generateOpeningKey('X25519');
    const caller = callerFor(reader);
    const answer = await world.openAs(reader, wrap.id, { cid: claim.cid, rpk: { ...key.jwk } }, caller);
    await expect(read(answer, { nonce: caller.nonce, sentBodyHashes: [caller.bodyHash] }, key)).resolves.toBeDefined();
  });

  test('needs one transaction where the wrap was stored, and a read before it elsewhere', async () => {
    const before = world.store.calls;
    await world.openAs(reader, wrap.id, claim.request);
    expect(world.store.calls - before).toBe(1);
    await world.openAs(reader, wrap.id, claim.request, {}, world.replica('BBBBBBBBBBB', world.store));
    expect(world.store.calls - before).toBe(3);
  });

  test('refuses by what is stored, not by what is remembered', async () => {
    await world.openAs(reader, wrap.id, claim.request);
    const elsewhere = world.replica('BBBBBBBBBBB');
    const other = makeClaim();
    // Remembered here: claimed by the first.
    await world.acknowledgeAs(reader, wrap.id, { cid: claim.cid }, {}, elsewhere);
    await expect(world.openAs(reader, wrap.id, other.request)).rejects.toMatchObject({
      code: 'gone',
      members: { st: 'OPENED' },
    });
  });

  test('does not deliver what was taken back at another replica', async () => {
    await world.revokeAs(writer, wrap.id, {}, world.replica('BBBBBBBBBBB'));
    await expect(world.openAs(reader, wrap.id, claim.request)).rejects.toMatchObject({ code: 'gone' });
  });

  test('delivers again to the same claim, eight times in all, and tells every request of it', async () => {
    const hashes: string[] = [];
    for (let n = 1; n <= 8; n += 1) {
      const caller = callerFor(reader);
      hashes.push(caller.bodyHash);
      const answer = await world.openAs(reader, wrap.id, claim.request, caller);
      const { delivery } = await read(answer, { nonce: caller.nonce, sentBodyHashes: hashes });
      expect(delivery).toMatchObject({ n, bhs: hashes });
    }
    const failure = await failureOf(world.openAs(reader, wrap.id, claim.request));
    expect(failure).toMatchObject({ code: 'already_claimed', reason: 'delivery_limit' });
  });

  test('lets the first reader see that its claim was shared', async () => {
    const theirs = callerFor(reader);
    await world.openAs(reader, wrap.id, claim.request, theirs);
    const ours = callerFor(reader);
    const answer = await world.openAs(reader, wrap.id, claim.request, ours);
    await expect(read(answer, { nonce: ours.nonce, sentBodyHashes: [ours.bodyHash] })).rejects.toThrow(
      code('bad_envelope', { reason: 'delivery_shared' }),
    );
  });

  test('delivers again after the expiry, inside the window', async () => {
    world.clock.advance(86_399);
    await world.openAs(reader, wrap.id, claim.request);
    world.clock.advance(30);
    const caller = callerFor(reader);
    const answer = await world.openAs(reader, wrap.id, claim.request, caller);
    const { delivery } = await read({ ...answer }, { nonce: caller.nonce, sentBodyHashes: [...delivered(answer)] });
    expect(delivery.n).toBe(2);
  });

  test('refuses another claim id with the time of the opening and a receipt', async () => {
    await world.openAs(reader, wrap.id, claim.request);
    const at = world.clock.nowSeconds();
    world.clock.advance(10);
    const caller = callerFor(reader);
    const failure = await failureOf(world.openAs(reader, wrap.id, makeClaim().request, caller));
    expect(failure).toMatchObject({ code: 'already_claimed', members: { st: 'CLAIMED', at } });
    expect(Object.keys(failure.members).toSorted()).toEqual(['at', 'rcpt', 'st']);
    expect(receiptIn(failure)).toMatchObject({ st: 'CLAIMED', at, id: wrap.id, nonce: caller.nonce });
  });

  test('after the acknowledgement tells who opened it, with its signed request', async () => {
    const theirs = callerFor(reader);
    await world.openAs(reader, wrap.id, claim.request, theirs);
    await world.acknowledgeAs(reader, wrap.id, { cid: claim.cid });
    const failure = await failureOf(world.openAs(reader, wrap.id, claim.request));
    expect(failure).toMatchObject({ code: 'gone', members: { st: 'OPENED', kid: reader.id, proof: theirs.proof } });
    expect(receiptIn(failure).st).toBe('OPENED');
  });

  test('after the window burns it, even for the same claim, and nobody is given it again', async () => {
    await world.openAs(reader, wrap.id, claim.request);
    world.clock.advance(60);
    const failure = await failureOf(world.openAs(reader, wrap.id, claim.request));
    expect(failure).toMatchObject({ code: 'gone', members: { st: 'BURNED', kid: reader.id } });
    expect(auditRecords().map(({ act, who }) => `${act} ${who}`)).toContain('wrap.burn service');
    world.clock.step(-120);
    await expect(world.openAs(reader, wrap.id, claim.request)).rejects.toThrow(code('gone'));
  });

  test('after the expiry says so, without a reader', async () => {
    world.clock.advance(86_400);
    const failure = await failureOf(world.openAs(reader, wrap.id, claim.request));
    expect(failure).toMatchObject({ code: 'gone', members: { st: 'EXPIRED' } });
    expect(failure.members).not.toHaveProperty('kid');
    expect(failure.members).not.toHaveProperty('proof');
  });

  test('an unknown id and a foreign wrap look alike, and change nothing', async () => {
    const unknown = await failureOf(world.openAs(stranger, 'AAAAAAAAAAAAAAAAAAAAAA', claim.request));
    const foreign = await failureOf(world.openAs(stranger, wrap.id, claim.request));
    expect(unknown).toMatchObject({ code: 'not_found', members: {}, detail: undefined });
    expect(foreign).toMatchObject({ code: 'not_found', members: {}, detail: undefined });
    expect(verifyReceipt((await world.statusAs(writer, wrap.id)).rcpt, verifying).st).toBe('STORED');
  });

  test('T-32: an identity that took the reader’s encryption key into its own keyset gets nothing', async () => {
    const squatter = makeParty({ enc: reader.enc });
    world.keysets.set(squatter.id, squatter.keyset);
    expect(squatter.keyset.enc.thumbprint).toBe(reader.keyset.enc.thumbprint);
    const before = verifyReceipt((await world.statusAs(writer, wrap.id)).rcpt, verifying);
    await expect(world.openAs(squatter, wrap.id, claim.request)).rejects.toThrow(code('not_found'));
    await expect(world.openAs(squatter, wrap.id, { cid: claim.cid }, byMtls)).rejects.toThrow(code('not_found'));
    await expect(world.acknowledgeAs(squatter, wrap.id, { cid: claim.cid })).rejects.toThrow(code('not_found'));
    await expect(world.statusAs(squatter, wrap.id)).rejects.toThrow(code('not_found'));
    const after = verifyReceipt((await world.statusAs(writer, wrap.id)).rcpt, verifying);
    expect({ st: after.st, rev: after.rev }).toEqual({ st: 'STORED', rev: before.rev });
    await expect(world.openAs(reader, wrap.id, claim.request)).resolves.toBeDefined();
  });

  test('an envelope that vanished from the store is damage, not an opening', async () => {
    await world.store.transact({
      compare: [],
      then: [{ do: 'delete', key: world.barrier.keyOf(`wrap/env/${wrap.id}`) }],
    });
    await expect(world.openAs(reader, wrap.id, claim.request)).rejects.toThrow(
      code('internal', { reason: 'storage_integrity' }),
    );
    expect(verifyReceipt((await world.statusAs(writer, wrap.id)).rcpt, verifying).st).toBe('STORED');
  });

  test('another wrap’s state in its place is damage', async () => {
    const other = await world.makeWrap();
    await world.storeAs(writer, other);
    const [from, to] = [other.id, wrap.id].map((id) => world.barrier.keyOf(`wrap/st/${id}`));
    const { entries } = await world.memory.range({ key: from! });
    await world.memory.transact({ compare: [], then: [{ do: 'put', key: to!, value: entries[0]!.value }] });
    await expect(world.openAs(reader, wrap.id, claim.request)).rejects.toThrow(code('internal'));
  });

  test('another wrap’s envelope in its place is damage', async () => {
    const other = await world.makeWrap();
    await world.storeAs(writer, other);
    const [from, to] = [other.id, wrap.id].map((id) => world.barrier.keyOf(`wrap/env/${id}`));
    const { entries } = await world.memory.range({ key: from! });
    await world.memory.transact({ compare: [], then: [{ do: 'put', key: to!, value: entries[0]!.value }] });
    await expect(world.openAs(reader, wrap.id, claim.request)).rejects.toThrow(code('internal'));
  });
});

/** Body hashes that a delivery names. */
function delivered(answer: { readonly dlv: string }): string[] {
  const payload = Buffer.from(answer.dlv.split('.')[1]!, 'base64url').toString('utf8');
  return (JSON.parse(payload) as { bhs: string[] }).bhs;
}

describe('Wraps.acknowledge()', () => {
  const claim = makeClaim();
  beforeEach(async () => {
    await world.storeAs(writer, wrap);
    await world.openAs(reader, wrap.id, claim.request);
  });

  test('deletes the envelope, keeps the signed acknowledgement, answers with a receipt', async () => {
    world.clock.advance(5);
    const caller = callerFor(reader);
    const { rcpt } = await world.acknowledgeAs(reader, wrap.id, { cid: claim.cid }, caller);
    expect(verifyReceipt(rcpt, verifying)).toMatchObject({
      st: 'OPENED',
      at: world.clock.nowSeconds(),
      nonce: caller.nonce,
    });
    const { entries } = await world.memory.range({ key: world.barrier.keyOf(`wrap/env/${wrap.id}`) });
    expect(entries).toEqual([]);
    expect((await world.statusAs(writer, wrap.id)).aproof).toBe(caller.proof);
  });

  test('needs one transaction where the wrap was opened', async () => {
    const before = world.store.calls;
    await world.acknowledgeAs(reader, wrap.id, { cid: claim.cid });
    expect(world.store.calls - before).toBe(1);
  });

  test('needs a read and a transaction at another replica', async () => {
    const before = world.store.calls;
    await world.acknowledgeAs(reader, wrap.id, { cid: claim.cid }, {}, world.replica('BBBBBBBBBBB', world.store));
    expect(world.store.calls - before).toBe(2);
  });

  test('of what was opened at another replica is not refused by what is remembered here', async () => {
    const stored = await world.makeWrap();
    await world.storeAs(writer, stored);
    await world.openAs(reader, stored.id, claim.request, {}, world.replica('BBBBBBBBBBB'));
    const { rcpt } = await world.acknowledgeAs(reader, stored.id, { cid: claim.cid });
    expect(verifyReceipt(rcpt, verifying).st).toBe('OPENED');
  });

  test('again by the same claim is answered and changes nothing', async () => {
    const first = verifyReceipt((await world.acknowledgeAs(reader, wrap.id, { cid: claim.cid })).rcpt, verifying);
    world.clock.advance(5);
    const again = verifyReceipt((await world.acknowledgeAs(reader, wrap.id, { cid: claim.cid })).rcpt, verifying);
    expect(again).toMatchObject({ st: 'OPENED', at: first.at, rev: first.rev });
  });

  test('with another claim id is refused and leaves the claim alone', async () => {
    const { cid } = makeClaim();
    await expect(world.acknowledgeAs(reader, wrap.id, { cid })).rejects.toThrow(code('already_claimed'));
    await expect(world.openAs(reader, wrap.id, claim.request)).resolves.toBeDefined();
  });

  test('before any opening is a conflict', async () => {
    const unopened = await world.makeWrap();
    await world.storeAs(writer, unopened);
    await expect(world.acknowledgeAs(reader, unopened.id, { cid: claim.cid })).rejects.toThrow(
      code('conflict', { reason: 'not_claimed' }),
    );
  });

  test('by the writer is not found', async () => {
    await expect(world.acknowledgeAs(writer, wrap.id, { cid: claim.cid })).rejects.toThrow(code('not_found'));
  });
});

describe('Wraps.revoke()', () => {
  beforeEach(() => world.storeAs(writer, wrap));

  test('takes an unopened wrap back, once and again', async () => {
    const first = verifyReceipt((await world.revokeAs(writer, wrap.id)).rcpt, verifying);
    expect(first.st).toBe('REVOKED');
    expect(verifyReceipt((await world.revokeAs(writer, wrap.id)).rcpt, verifying).rev).toBe(first.rev);
    const failure = await failureOf(world.openAs(reader, wrap.id, makeClaim().request));
    expect(failure).toMatchObject({ code: 'gone', members: { st: 'REVOKED' } });
  });

  test('by a holder of destroy on the path works, and shows nothing that only parties may see', async () => {
    await world.openAs(reader, wrap.id, makeClaim().request);
    world.clock.advance(60);
    const failure = await failureOf(world.revokeAs(stranger, wrap.id, { mayDestroy: true }));
    expect(failure).toMatchObject({ code: 'gone', members: { st: 'BURNED' } });
    expect(failure.members).not.toHaveProperty('kid');
    expect(failure.members).not.toHaveProperty('proof');
    const other = await world.makeWrap();
    await world.storeAs(writer, other);
    await expect(world.revokeAs(stranger, other.id, { mayDestroy: true })).resolves.toBeDefined();
  });

  test('by a holder of destroy on another path is not found', async () => {
    const elsewhere = await world.makeWrap({ path: 'team-b/db' });
    const permitted = world.permit<'wrap.revoke'>({ act: 'wrap.revoke', id: elsewhere.id }, callerFor(stranger), [
      'destroy',
    ]);
    const action = { act: 'wrap.store', id: elsewhere.id, path: 'team-a', writer: writer.id } as const;
    const store = world.permit<'wrap.store'>(action, callerFor(writer));
    await world.wraps.store(
      { ...store, action: { ...action, path: 'team-b/db' } },
      canonicalBytes(elsewhere.envelope),
      elsewhere.read,
    );
    await expect(world.wraps.revoke(permitted)).rejects.toThrow(code('not_found'));
  });

  test.each([
    { name: 'the recipient', party: reader },
    { name: 'a stranger', party: stranger },
  ])('by $name is not found', async ({ party }) => {
    await expect(world.revokeAs(party, wrap.id)).rejects.toThrow(code('not_found'));
  });

  test('of a claimed wrap is refused: it may have been read', async () => {
    await world.openAs(reader, wrap.id, makeClaim().request);
    await expect(world.revokeAs(writer, wrap.id)).rejects.toThrow(
      code('already_claimed', { members: expect.objectContaining({ st: 'CLAIMED' }) }),
    );
  });
});

describe('Wraps.status()', () => {
  const claim = makeClaim();
  beforeEach(() => world.storeAs(writer, wrap));

  test.each([
    { name: 'writer', party: writer },
    { name: 'recipient', party: reader },
  ])('tells the $name state and evidence as they come', async ({ party }) => {
    const stateOf = async () => {
      const { rcpt, ...evidence } = await world.statusAs(party, wrap.id);
      return { st: verifyReceipt(rcpt, verifying).st, ...evidence };
    };
    expect(await stateOf()).toEqual({ st: 'STORED' });
    const opening = callerFor(reader);
    await world.openAs(reader, wrap.id, claim.request, opening);
    expect(await stateOf()).toEqual({ st: 'CLAIMED', proof: opening.proof });
    const acknowledging = callerFor(reader);
    await world.acknowledgeAs(reader, wrap.id, { cid: claim.cid }, acknowledging);
    expect(await stateOf()).toEqual({ st: 'OPENED', proof: opening.proof, aproof: acknowledging.proof });
  });

  test('T-33: shows neither claim id nor content while it is claimed', async () => {
    await world.openAs(reader, wrap.id, claim.request);
    const shown = [
      await world.statusAs(reader, wrap.id),
      await world.statusAs(writer, wrap.id),
      (await failureOf(world.openAs(reader, wrap.id, makeClaim().request))).members,
      (await failureOf(world.acknowledgeAs(reader, wrap.id, makeClaim().request))).members,
      (await failureOf(world.revokeAs(writer, wrap.id))).members,
    ];
    for (const each of shown) {
      const strings = Object.values(each).filter((value) => typeof value === 'string');
      const parts = strings.flatMap((text) => text.split('.')).filter((part) => isBase64url(part));
      const whole = [...strings, ...parts.map((part) => Buffer.from(decodeBase64url(part)).toString('latin1'))].join(
        '\n',
      );
      expect(whole).toContain(wrap.read.eh);
      for (const secret of [claim.cid, wrap.envelope.payload, wrap.envelope.slots[0]!, wrap.envelope.hdr]) {
        expect(whole).not.toContain(secret);
      }
    }
  });

  test('to a stranger is not found', async () => {
    await expect(world.statusAs(stranger, wrap.id)).rejects.toThrow(code('not_found'));
  });

  test('burns what is over, so that what it says is what is stored', async () => {
    await world.openAs(reader, wrap.id, claim.request);
    world.clock.advance(60);
    expect(verifyReceipt((await world.statusAs(writer, wrap.id)).rcpt, verifying).st).toBe('BURNED');
  });
});

describe('audit of wraps', () => {
  test('has one record for each transition, by whom and how, and none for a repeat that changes nothing', async () => {
    const claim = makeClaim();
    await world.storeAs(writer, wrap);
    await world.storeAs(writer, wrap);
    await world.openAs(reader, wrap.id, claim.request);
    await world.openAs(reader, wrap.id, { cid: claim.cid }, byMtls);
    await world.acknowledgeAs(reader, wrap.id, { cid: claim.cid });
    await world.acknowledgeAs(reader, wrap.id, { cid: claim.cid });
    await world.statusAs(writer, wrap.id);
    expect(
      auditRecords().map((record) => [record.seq, record.act, record.who, record.factor, record.outcome, record.obj]),
    ).toEqual([
      [1, 'wrap.store', writer.id, 'proof', 'ok', `wrap/${wrap.id}`],
      [3, 'wrap.open', reader.id, 'proof', 'ok', `wrap/${wrap.id}`],
      [4, 'wrap.redeliver', reader.id, 'mtls', 'ok', `wrap/${wrap.id}`],
      [5, 'wrap.acknowledge', reader.id, 'proof', 'ok', `wrap/${wrap.id}`],
    ]);
  });

  test('lists the number that the repeated storing took as void', async () => {
    await world.storeAs(writer, wrap);
    await world.storeAs(writer, wrap);
    await world.revokeAs(writer, wrap.id);
    expect(auditRecords().map((record) => [record.seq, record.void])).toEqual([
      [1, []],
      [3, [2]],
    ]);
  });

  test('has one record for each refusal, with its reason', async () => {
    await world.storeAs(writer, wrap);
    await failureOf(world.openAs(stranger, wrap.id, makeClaim().request));
    await failureOf(world.openAs(reader, 'AAAAAAAAAAAAAAAAAAAAAA', makeClaim().request));
    await failureOf(world.acknowledgeAs(reader, wrap.id, makeClaim().request));
    await failureOf(world.revokeAs(reader, wrap.id));
    await failureOf(world.statusAs(stranger, wrap.id));
    await failureOf(world.storeAs(writer, await world.makeWrap({ id: wrap.id })));
    expect(
      auditRecords()
        .slice(1)
        .map(({ act, outcome, reason }) => [act, outcome, reason]),
    ).toEqual([
      ['wrap.open', 'refused', 'not_a_party'],
      ['wrap.open', 'refused', 'absent'],
      ['wrap.acknowledge', 'refused', 'not_claimed'],
      ['wrap.revoke', 'refused', 'not_a_party'],
      ['wrap.status', 'refused', 'not_a_party'],
      ['wrap.store', 'refused', 'id_in_use'],
    ]);
  });

  test('blocks the answer when the record of a refusal cannot be stored', async () => {
    await world.storeAs(writer, wrap);
    world.store.choose = ({ transaction }) => (transaction === undefined ? 'none' : 'lost');
    await expect(world.openAs(stranger, wrap.id, makeClaim().request)).rejects.toThrow(code('unavailable'));
  });
});
