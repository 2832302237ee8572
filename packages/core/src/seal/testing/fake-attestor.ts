/**
 * An attestor for tests that says whatever it is told of a process, but only about the boot keys that the token names.
 * It must never be used outside tests.
 * @module
 */
import { ProblemError } from '@letterlock/protocol';
import type { AttestedBoot, BootAttestor, BootEvidence } from '../attestation.ts';

/** Attests each process as what it was constructed with. */
export class FakeAttestor implements BootAttestor {
  readonly #who: AttestedBoot;

  constructor(who: AttestedBoot) {
    this.#who = who;
  }

  present(boot: string): Promise<string> {
    return Promise.resolve(JSON.stringify({ boot, ...this.#who }));
  }

  verify({ boot, token }: BootEvidence): Promise<AttestedBoot> {
    try {
      const { boot: named, ...who } = JSON.parse(token) as AttestedBoot & { readonly boot: string };
      if (named === boot) return Promise.resolve(who);
    } catch {
      // Said below.
    }
    return Promise.reject(new ProblemError('denied', { reason: 'attestation_boot' }));
  }
}
