import { beforeEach, describe, expect, test } from '@jest/globals';
import { hash43, publicOfOpening, randomIdentifier, readEnvelope, signJws } from '@letterlock/crypto';
import { canonicalBytes, decodeBase64url, encodeBase64url, typ, type Envelope } from '@letterlock/protocol';
import { envelopePath } from '../secrets/secret-record.ts';
import { envelopePath as wrapEnvelopePath, placePath } from '../wraps/wrap-record.ts';
import { liveBinding } from '../policy/testing/fake-bindings.ts';
import {
  BindingWorld,
  foreignPod,
  makePodParty,
  otherPod,
  readerPod,
  secretPath,
  writerPod,
} from './testing/binding-world.ts';

let world: BindingWorld;
beforeEach(() => {
  world = new BindingWorld();
});

const notFound = (reason: string): unknown => expect.objectContaining({ code: 'not_found', reason });

/** The header changed, signed again by the writer: what a thief with a writer's rights can make of another's envelope. */
function transplanted(own: Envelope, victim: Envelope, header: object): Envelope {
  const decoded = JSON.parse(Buffer.from(decodeBase64url(own.hdr)).toString()) as object;
  const hdr = encodeBase64url(canonicalBytes({ ...decoded, ...header }));
  const slots = [victim.slots[0]!];
  const claims = {
    eh: hash43(decodeBase64url(hdr)),
    ph: hash43(victim.payload),
    sh: slots.map((slot) => hash43(slot)),
  };
  const sig = signJws({ typ: typ.envelope, key: writerPod.sig, claims });
  return { hdr, payload: victim.payload, sig, slots, v: 1 };
}

describe('what is written for a binding', () => {
  test('reaches each pod that the binding selects, again and again', async () => {
    await world.write(await world.make({ content: 'first' }));
    await expect(world.contentFor(readerPod)).resolves.toBe('first');
    await expect(world.contentFor(otherPod)).resolves.toBe('first');
    await world.write(await world.make({ ver: 2, content: 'second' }));
    await expect(world.contentFor(readerPod)).resolves.toBe('second');
    await expect(world.contentFor(readerPod, 1)).resolves.toBe('first');
  });

  test('is still delivered after the binding has got a new key', async () => {
    await world.write(await world.make());
    await world.keys.rotate('shop', 'orders-db');
    await expect(world.contentFor(readerPod)).resolves.toBe('content');
  });

  test.each([
    {
      name: 'for an older key of it',
      change: async () => ({ to: [await world.bindingKey()] }),
      rotate: true,
      code: 'unknown_recipient',
      reason: 'binding_key_not_current',
    },
    {
      name: 'for another binding’s key',
      change: async () => ({ to: [await world.bindingKey('other')] }),
      code: 'unknown_recipient',
      reason: 'binding_key_not_current',
    },
    {
      name: 'for a reader’s key',
      change: async () => ({ to: [publicOfOpening(readerPod.enc)] }),
      code: 'unknown_recipient',
      reason: 'binding_key_not_current',
    },
    {
      name: 'that names another binding',
      change: async () => ({ bnd: 'shop/other' }),
      code: 'bad_envelope',
      reason: 'binding_not_of_path',
    },
    {
      name: 'for a pod of another namespace',
      change: async () => ({ rcp: [foreignPod.selector] }),
      code: 'bad_envelope',
      reason: 'recipient_elsewhere',
    },
    {
      name: 'for a pod of another trust domain',
      change: async () => ({ rcp: ['spiffe://evil.example/ns/shop/sa/orders'] }),
      code: 'bad_envelope',
      reason: 'recipient_elsewhere',
    },
    {
      name: 'of mode e2e',
      change: async () => ({
        mode: 'e2e' as const,
        bnd: undefined as never,
        rcp: [`k:${readerPod.id}`],
        to: [publicOfOpening(readerPod.enc)],
      }),
      code: 'bad_envelope',
      reason: 'mode_not_served',
    },
    {
      name: 'by another than it names',
      change: async () => ({ by: readerPod }),
      code: 'bad_envelope',
      reason: 'writer_not_caller',
    },
  ])('is not stored $name', async ({ change, rotate, code, reason }) => {
    await world.bindingKey();
    const made = await world.make(await change());
    if (rotate === true) await world.keys.rotate('shop', 'orders-db');
    await expect(world.write(made)).rejects.toMatchObject({ code, reason });
  });

  test('is not stored for a binding without a key', async () => {
    const made = await world.make();
    await world.keys.destroy('shop', 'orders-db');
    await expect(world.write(made)).rejects.toMatchObject({ code: 'unknown_recipient', reason: 'binding_key_absent' });
  });

  test('may name readers by their keys behind the pods', async () => {
    const bindingKey = await world.bindingKey();
    const rcp = [readerPod.selector, `k:${otherPod.id}`];
    await world.write(await world.make({ rcp, to: [bindingKey, publicOfOpening(otherPod.enc)] }));
    await expect(world.contentFor(readerPod)).resolves.toBe('content');
    const swapped = await world.make({ ver: 2, rcp, to: [bindingKey, bindingKey] });
    await expect(world.write(swapped)).rejects.toMatchObject({ reason: 'recipient_key_not_current' });
  });
});

describe('before a private key is touched', () => {
  test.each([
    { name: 'another tenant', pod: foreignPod, reason: 'binding_selects_not' },
    { name: 'a pod of another ServiceAccount', pod: makePodParty({ sa: 'web' }), reason: 'binding_selects_not' },
  ])('$name is refused', async ({ pod, reason }) => {
    await world.write(await world.make());
    await expect(world.contentFor(pod)).rejects.toEqual(notFound(reason));
    expect(world.asked).toBe(0);
  });

  // T-34
  test('a pod whose selector the writer did not name is refused, although the binding selects it', async () => {
    world.bindings.put(liveBinding({ serviceAccountNames: ['orders', 'web'] }));
    await world.write(await world.make());
    await expect(world.contentFor(makePodParty({ sa: 'web' }))).rejects.toEqual(notFound('not_a_recipient'));
    expect(world.asked).toBe(0);
  });

  test('a pod is refused that the binding selects no more', async () => {
    await world.write(await world.make());
    world.bindings.put(liveBinding({ selectsPod: (uid) => uid !== readerPod.workload.pod }));
    await expect(world.contentFor(readerPod)).rejects.toEqual(notFound('binding_selects_not'));
    expect(world.asked).toBe(0);
    await expect(world.contentFor(otherPod)).resolves.toBe('content');
  });

  // T-34
  test('a slot for a dead key of the binding is refused', async () => {
    await world.write(await world.make());
    await world.keys.destroy('shop', 'orders-db');
    await world.keys.ensure('shop', 'orders-db');
    await expect(world.contentFor(readerPod)).rejects.toEqual(notFound('binding_key_dead'));
  });

  // T-14
  test('a slot that was put under another header is not stored', async () => {
    const victim = await world.make({ content: 'the victim’s' });
    const own = await world.make({ ver: 2 });
    expect(() => readEnvelope(transplanted(own.envelope, victim.envelope, {}))).toThrow(
      expect.objectContaining({ code: 'bad_envelope', reason: 'envelope_hash' }),
    );
  });

  // T-14, by who writes the store and could seal records.
  test('a slot that stands under another header in the store is refused', async () => {
    const victim = await world.make({ content: 'the victim’s' });
    await world.write(await world.make({ ver: 2 }));
    const at = envelopePath(secretPath, 2);
    const own = await world.make({ ver: 2 });
    const forged = world.barrier.seal(at, canonicalBytes(transplanted(own.envelope, victim.envelope, {})));
    await world.store.transact({ compare: [], then: [{ do: 'put', key: world.barrier.keyOf(at), value: forged }] });
    await expect(world.contentFor(readerPod)).rejects.toMatchObject({ reason: 'slot_of_another_envelope' });
    expect(world.asked).toBe(0);
  });

  test('an envelope of another version in its place is refused', async () => {
    const [one, two] = [await world.make(), await world.make({ ver: 2 })];
    await world.write(one);
    await world.write(two);
    const at = envelopePath(secretPath, 2);
    const value = world.barrier.seal(at, canonicalBytes(one.envelope));
    await world.store.transact({ compare: [], then: [{ do: 'put', key: world.barrier.keyOf(at), value }] });
    await expect(world.contentFor(readerPod)).rejects.toMatchObject({ code: 'internal', reason: 'storage_integrity' });
  });
});

describe('what is written for a binding, to be opened once', () => {
  beforeEach(() => world.bindings.put(liveBinding({ secrets: [{ name: 'db', opens: 'Once' }] })));
  const cid = randomIdentifier();

  test('goes to the first pod that the binding selects', async () => {
    const made = await world.makeOnce();
    await world.storeOnce(made);
    await expect(world.openOnce(readerPod, made.id, cid)).resolves.toBe('content');
    await expect(world.openOnce(otherPod, made.id, randomIdentifier())).rejects.toMatchObject({
      code: 'already_claimed',
    });
  });

  test('is found by its path: the last one that was stored, by who may read there', async () => {
    const permitted = () => world.permit<'secret.read'>({ act: 'secret.read', path: secretPath }, readerPod);
    await expect(world.wraps.latest(permitted())).resolves.toBeUndefined();
    await expect(world.wraps.observe(secretPath)).resolves.toBeUndefined();
    const [first, second] = [await world.makeOnce(), await world.makeOnce()];
    await world.storeOnce(first);
    await expect(world.wraps.latest(permitted())).resolves.toBe(first.id);
    await world.storeOnce(second);
    // The retry after a lost answer of the first changes nothing.
    await world.storeOnce(first);
    await expect(world.wraps.latest(permitted())).resolves.toBe(second.id);
    await expect(world.wraps.observe(secretPath)).resolves.toMatchObject({ st: 'STORED', wrt: writerPod.id });
    await world.openOnce(readerPod, second.id, cid);
    await expect(world.wraps.observe(secretPath)).resolves.toMatchObject({ st: 'CLAIMED', openedBy: readerPod.id });
  });

  test('its path is forgotten with its tombstone, and not with that of an earlier one', async () => {
    const permitted = () => world.permit<'secret.read'>({ act: 'secret.read', path: secretPath }, readerPod);
    const sweep = async () => {
      while (!(await world.wraps.sweep({ limit: 100 })).isPassComplete);
    };
    await world.storeOnce(await world.makeOnce());
    const later = await world.makeOnce({ exp: world.clock.nowSeconds() + 86_400 });
    await world.storeOnce(later);
    world.clock.advance(3601);
    await sweep();
    world.clock.advance(3601);
    await sweep();
    await expect(world.wraps.latest(permitted())).resolves.toBe(later.id);
    world.clock.advance(86_400);
    await sweep();
    world.clock.advance(3601);
    await sweep();
    await expect(world.wraps.latest(permitted())).resolves.toBeUndefined();
  });

  test('a path that shows another path’s wrap is damage', async () => {
    await world.storeOnce(await world.makeOnce());
    const [from, to] = [placePath(secretPath), placePath('k8s/shop/orders-db/other')];
    const [entry] = (await world.store.range({ key: world.barrier.keyOf(from) })).entries;
    const value = world.barrier.seal(to, world.barrier.open(from, entry!.value));
    await world.store.transact({ compare: [], then: [{ do: 'put', key: world.barrier.keyOf(to), value }] });
    await expect(world.wraps.observe('k8s/shop/orders-db/other')).rejects.toMatchObject({
      reason: 'storage_integrity',
    });
  });

  test('another pod of the binding is told when it was opened and by which key; nobody else is', async () => {
    const made = await world.makeOnce();
    await world.storeOnce(made);
    await world.openOnce(readerPod, made.id, cid);
    const at = world.clock.nowSeconds();
    await expect(world.openOnce(otherPod, made.id, randomIdentifier())).rejects.toMatchObject({
      code: 'already_claimed',
      members: { st: 'CLAIMED', at },
    });
    const permitted = world.permit<'wrap.acknowledge'>({ act: 'wrap.acknowledge', id: made.id }, readerPod);
    await world.wraps.acknowledge(permitted, { cid });
    await expect(world.openOnce(otherPod, made.id, randomIdentifier())).rejects.toMatchObject({
      code: 'gone',
      members: { st: 'OPENED', at, kid: readerPod.id },
    });
    await expect(world.openOnce(foreignPod, made.id, randomIdentifier())).rejects.toMatchObject({
      code: 'not_found',
      members: {},
    });
  });

  test('is acknowledged by who opened it, also when the binding is gone by then', async () => {
    const made = await world.makeOnce();
    await world.storeOnce(made);
    await world.openOnce(readerPod, made.id, cid);
    world.bindings.bindings.clear();
    const acknowledge = (pod: typeof readerPod) =>
      world.wraps.acknowledge(world.permit<'wrap.acknowledge'>({ act: 'wrap.acknowledge', id: made.id }, pod), { cid });
    await expect(acknowledge(otherPod)).rejects.toMatchObject({ code: 'not_found' });
    await expect(acknowledge(readerPod)).resolves.toHaveProperty('rcpt');
  });

  test.each([
    { name: 'another tenant', pod: foreignPod },
    { name: 'the writer', pod: writerPod },
  ])('does not exist for $name', async ({ pod }) => {
    const made = await world.makeOnce();
    await world.storeOnce(made);
    await expect(world.openOnce(pod, made.id, cid)).rejects.toMatchObject({ code: 'not_found' });
    expect(world.asked).toBe(0);
    await expect(world.openOnce(readerPod, made.id, cid)).resolves.toBe('content');
  });

  test('is not claimed when its slot could not be opened', async () => {
    const made = await world.makeOnce();
    await world.storeOnce(made);
    await world.keys.destroy('shop', 'orders-db');
    await expect(world.openOnce(readerPod, made.id, cid)).rejects.toEqual(notFound('binding_key_dead'));
    const status = await world.wraps.status(
      world.permit<'wrap.status'>({ act: 'wrap.status', id: made.id }, writerPod),
    );
    expect(JSON.parse(Buffer.from(status.rcpt.split('.')[1]!, 'base64url').toString())).toMatchObject({ st: 'STORED' });
  });

  test('is not claimed when its header is not the one of its slot', async () => {
    const [made, other] = [await world.makeOnce(), await world.makeOnce()];
    await world.storeOnce(made);
    const at = wrapEnvelopePath(made.id);
    const value = world.barrier.seal(at, canonicalBytes(transplanted(made.envelope, other.envelope, {})));
    await world.store.transact({ compare: [], then: [{ do: 'put', key: world.barrier.keyOf(at), value }] });
    await expect(world.openOnce(readerPod, made.id, cid)).rejects.toMatchObject({ reason: 'slot_of_another_envelope' });
    expect(world.asked).toBe(0);
  });
});
