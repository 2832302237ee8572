import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { generateSigningKey, hash43, importSealingKey, sealDeliverySlot, signDelivery } from '@letterlock/crypto';
import { deliveryClaims, parseJws, readClaims, typ, type DeliveryClaims, type JcsObject } from '@letterlock/protocol';
import type { FakeService, Intercept } from './testing/fake-service.ts';
import { startFixture, type Fixture } from './testing/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

async function storedWrap(content = Buffer.from('the content')): Promise<string> {
  const { alice, bob, client } = fixture;
  return (await client(alice).wrap({ to: bob.id, path: 'a', content })).id;
}

/** Signs the delivery again with other claims. */
function withClaims(service: FakeService, delivery: JcsObject, change: Partial<DeliveryClaims>): JcsObject {
  const claims = readClaims(deliveryClaims, parseJws(delivery['dlv'] as string, typ.delivery, 16_384).payload);
  return { ...delivery, dlv: signDelivery(service.instanceKey, { ...claims, ...change }) };
}

describe('a delivery', () => {
  test.each([
    { name: 'for another request', change: { nonce: 'A'.repeat(54) }, reason: 'delivery_nonce' },
    { name: 'for another claim', change: { cid: 'AAAAAAAAAAAAAAAAAAAAAA' }, reason: 'delivery_claim' },
    { name: 'for another reader', change: { kid: 'A'.repeat(43) }, reason: 'delivery_other_reader' },
    { name: 'of another envelope', change: { eh: 'A'.repeat(43) }, reason: 'delivery_other_item' },
    { name: 'with another payload', change: { ph: 'A'.repeat(43) }, reason: 'delivery_other_item' },
    { name: 'with another slot', change: { ds: 'A'.repeat(43) }, reason: 'delivery_slot_hash' },
    {
      name: 'that somebody else got too',
      change: { n: 2, bhs: ['A'.repeat(43), 'A'.repeat(43)] },
      reason: 'delivery_shared',
    },
    { name: 'after the end of the wrap', change: { at: 2_000_000_000 }, reason: 'envelope_expired' },
  ])('$name is refused', async ({ change, reason }) => {
    const { service, bob, client } = fixture;
    const id = await storedWrap();
    service.changeDelivery = (delivery) => withClaims(service, delivery, change);
    await expect(client(bob).open(id)).rejects.toMatchObject({ name: 'IntegrityError', reason });
  });

  test('signed by another key than the pinned one is refused', async () => {
    const { service, bob, client } = fixture;
    const id = await storedWrap();
    const forger = { instanceKey: generateSigningKey() } as FakeService;
    service.changeDelivery = (delivery) => withClaims(forger, delivery, {});
    await expect(client(bob).open(id)).rejects.toMatchObject({ name: 'IntegrityError', reason: 'delivery_signature' });
  });

  test('of another wrap by the same writer is refused', async () => {
    const { service, bob, client } = fixture;
    const [id, other] = [await storedWrap(), await storedWrap()];
    service.changeDelivery = (delivery) => {
      const { hdr, payload, sig } = service.wraps.get(other)!.envelope;
      return { ...delivery, hdr, payload, sig };
    };
    await expect(client(bob).open(id)).rejects.toMatchObject({ name: 'IntegrityError', reason: 'delivery_other_item' });
  });

  test('whose slot was sealed by somebody else is refused', async () => {
    const { service, bob, client } = fixture;
    const [id, other] = [await storedWrap(), await storedWrap()];
    let forged = '';
    service.intercept = async ({ path, body }): Promise<Intercept> => {
      if (!path.endsWith('/open')) return 'continue';
      const { rpk } = JSON.parse(body) as { rpk: unknown };
      const eh = JSON.parse(
        Buffer.from(service.wraps.get(id)!.envelope.slots[0]!.split('.')[0]!, 'base64url').toString(),
      ).eh as string;
      const [slot] = service.wraps.get(other)!.envelope.slots;
      forged = await sealDeliverySlot({ to: importSealingKey(rpk), eh, content: 'slot', plaintext: slot! });
      return 'continue';
    };
    service.changeDelivery = (delivery) => ({
      ...withClaims(service, delivery, { ds: hash43(forged) }),
      dslot: forged,
    });
    await expect(client(bob).open(id)).rejects.toMatchObject({ name: 'IntegrityError', reason: 'envelope_integrity' });
  });

  test('of a writer that is not allowed is refused', async () => {
    const { alice, bob, client } = fixture;
    const id = await storedWrap();
    const asked: string[] = [];
    const isWriterAllowed = (writer: string) => {
      asked.push(writer);
      return false;
    };
    await expect(client(bob).open(id, { isWriterAllowed })).rejects.toMatchObject({ reason: 'writer_not_allowed' });
    expect(asked).toEqual([alice.id]);
  });

  test('that has expired only by the local clock warns', async () => {
    const { bob, client } = fixture;
    const id = await storedWrap();
    const codes: string[] = [];
    const opened = await client(bob, { now: () => 2_000_000_000, onWarning: ({ code }) => codes.push(code) }).open(id);
    expect(opened.content.lengthBytes).toBe(11);
    expect(codes).toContain('wrap_expired_by_local_clock');
  });

  test('keeps its reason to itself: why is in the signed body only', async () => {
    const { service, bob, client } = fixture;
    const id = await storedWrap();
    await client(bob).open(id, { why: 'deploy' });
    expect(JSON.parse(service.requests('/open')[0]!.body)['why']).toBe('deploy');
  });
});
