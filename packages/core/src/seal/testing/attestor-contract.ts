/**
 * What every attestor must do, whoever it asks.
 * It must never know how a token looks.
 * @module
 */
import { describe, expect, test } from '@jest/globals';
import { hash43 } from '@letterlock/crypto';
import type { BootAttestor } from '../attestation.ts';

/** @param make - attestors of two processes of one installation */
export function describeAttestorContract(name: string, make: () => readonly [BootAttestor, BootAttestor]): void {
  const boot = hash43('boot');

  describe(`${name}, as a BootAttestor`, () => {
    test('attests at another process what it presented', async () => {
      const [one, other] = make();
      const attested = await other.verify({ boot, token: await one.present(boot) });
      expect(attested.instance).toMatch(/^[\x21-\x7e]{1,200}$/);
      expect(attested.start).toMatch(/^[\x21-\x7e]{1,200}$/);
    });

    test('tells two processes apart, and the same one not', async () => {
      const [one, other] = make();
      const token = await one.present(boot);
      const of = async (each: string): Promise<unknown> => other.verify({ boot, token: each });
      expect(await of(token)).toEqual(await of(await one.present(boot)));
      expect(await of(await other.present(boot))).not.toEqual(await of(token));
    });

    test('refuses a token about other boot keys', async () => {
      const [one, other] = make();
      const token = await one.present(boot);
      const refused = other.verify({ boot: hash43('another boot'), token });
      await expect(refused).rejects.toMatchObject({ code: 'denied' });
    });

    test.each(['', 'x', '{}', 'a.b.c', 'é'])('refuses %j', async (token) => {
      await expect(make()[1].verify({ boot, token })).rejects.toMatchObject({ code: 'denied' });
    });
  });
}
