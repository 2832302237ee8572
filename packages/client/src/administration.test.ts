import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readOperation, signOperation } from '@letterlock/crypto';
import type { Operation } from '@letterlock/protocol';
import { startFixture, type Fixture } from './testing/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

const images = [`sha256:${'0a'.repeat(32)}`];

describe('cosignOperation()', () => {
  const signed = (): Promise<string> => fixture.client(fixture.alice).signOperation('images.set', { images });

  test('signs the same bytes with the own key', async () => {
    const { bob, client } = fixture;
    const first = readOperation(await signed());
    const second = readOperation(await client(bob).cosignOperation('images.set', { images }, first.jws.compact));
    expect(second.oh).toBe(first.oh);
    expect(second.jws.header.kid).toBe(bob.id);
  });

  test.each([
    { name: 'other arguments', differs: { args: { images: [`sha256:${'1b'.repeat(32)}`] } }, says: 'something else' },
    { name: 'another operation', differs: { op: 'seal', args: {} }, says: 'something else' },
    { name: 'another installation', differs: { inst: 'A'.repeat(22) }, says: 'another installation' },
    { name: 'a time that is over', differs: { exp: 1 }, says: 'has expired' },
  ])('does not sign $name', async ({ differs, says }) => {
    const { alice, bob, client } = fixture;
    const { operation } = readOperation(await signed());
    const other = signOperation(alice.signingKey, { ...operation, ...differs } as Operation);
    const cosigning = client(bob).cosignOperation('images.set', { images }, other);
    await expect(cosigning).rejects.toMatchObject({ name: 'RangeError', message: expect.stringContaining(says) });
  });
});
