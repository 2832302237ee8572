import { describe, expect, test } from '@jest/globals';
import {
  generateOpeningKey,
  generateSigningKey,
  publicOfOpening,
  sealEnvelope,
  sealJwe,
  type OpeningKey,
} from '@letterlock/crypto';
import { canonicalBytes, encodeUtf8, typ, type Envelope } from '@letterlock/protocol';
import { findOpenableSlot, openBindingSlot, type BindingSlotKeys } from './binding-slot.ts';
import { readStoredEnvelope } from './delivery-answer.ts';

const bindingKey = generateOpeningKey();
const selector = 'spiffe://prod.example/ns/shop/sa/orders';
const other = 'spiffe://prod.example/ns/shop/sa/web';
const writer = generateSigningKey();

async function seal(change: object = {}): Promise<{ readonly envelope: Envelope; readonly eh: string }> {
  return sealEnvelope({
    header: {
      kind: 'kv',
      mode: 'svc',
      path: 'k8s/shop/orders-db/db',
      ver: 1,
      iat: 1_790_000_000,
      rcp: [selector],
      bnd: 'shop/orders-db',
      ...change,
    },
    content: encodeUtf8('content'),
    recipients: [publicOfOpening(bindingKey)],
    writer,
  });
}

/** Keys that count how often a private half is asked for. */
function keysOf(key: OpeningKey | undefined = bindingKey): BindingSlotKeys & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    currentOf: () => Promise.resolve(undefined),
    openingKeyOf: (bnd, kid) => {
      asked.push(bnd);
      return Promise.resolve(key?.thumbprint === kid ? key : undefined);
    },
  };
}
const find = ({ envelope }: { readonly envelope: Envelope }, keys = keysOf(), as: string | undefined = selector) =>
  findOpenableSlot(readStoredEnvelope(canonicalBytes(envelope)), () => as, { keys });

describe('findOpenableSlot()', () => {
  test('gives the slot that its creator meant for this reader, with the key of the header’s binding', async () => {
    const keys = keysOf();
    const sealed = await seal();
    expect(await find(sealed, keys)).toMatchObject({ eh: sealed.eh, slot: sealed.envelope.slots[0], key: bindingKey });
    expect(keys.asked).toEqual(['shop/orders-db']);
  });

  test.each([
    { name: 'a reader whom the header does not name', as: other, reason: 'not_a_recipient' },
    { name: 'a pod that the binding does not select', as: 'none', reason: 'not_a_recipient' },
  ])('refuses $name before a key is asked for', async ({ as, reason }) => {
    const keys = keysOf();
    const found = findOpenableSlot(
      readStoredEnvelope(canonicalBytes((await seal()).envelope)),
      () => (as === 'none' ? undefined : as),
      { keys },
    );
    await expect(found).rejects.toMatchObject({ code: 'not_found', reason });
    expect(keys.asked).toEqual([]);
  });

  test('refuses a slot of another envelope before a key is asked for', async () => {
    const keys = keysOf();
    const [own, victim] = [await seal(), await seal({ ver: 2 })];
    const moved = { envelope: { ...own.envelope, slots: victim.envelope.slots } };
    await expect(find(moved, keys)).rejects.toMatchObject({ reason: 'slot_of_another_envelope' });
    expect(keys.asked).toEqual([]);
  });

  test('refuses a header whose binding is not its path’s before a key is asked for', async () => {
    const keys = keysOf();
    await expect(find(await seal({ bnd: 'shop/other' }), keys)).rejects.toMatchObject({
      reason: 'binding_not_of_path',
    });
    expect(keys.asked).toEqual([]);
  });

  test('refuses a slot for a key that is not the binding’s', async () => {
    const dead = find(await seal(), keysOf(generateOpeningKey()));
    await expect(dead).rejects.toMatchObject({ code: 'not_found', reason: 'binding_key_dead' });
  });
});

describe('openBindingSlot()', () => {
  test('gives the file key', async () => {
    using fileKey = await openBindingSlot(await find(await seal()));
    expect(fileKey.lengthBytes).toBe(32);
  });

  test.each([
    { name: 'another file key than the header commits to', length: 32 },
    { name: 'a file key that is too long', length: 33 },
  ])('refuses $name', async ({ length }) => {
    const { envelope, eh } = await seal();
    const plaintext = new Uint8Array(length);
    const slot = await sealJwe({ typ: typ.slot, to: publicOfOpening(bindingKey), header: { eh }, plaintext });
    const found = await find({ envelope: { ...envelope, slots: [slot] } });
    await expect(openBindingSlot(found)).rejects.toMatchObject({ code: 'internal', reason: 'file_key_commitment' });
  });

  test('refuses a slot that was changed', async () => {
    const found = await find(await seal());
    const changed = { ...found, slot: `${found.slot.slice(0, -4)}AAAA` };
    await expect(openBindingSlot(changed)).rejects.toMatchObject({ code: 'internal', reason: 'slot_open' });
  });
});
