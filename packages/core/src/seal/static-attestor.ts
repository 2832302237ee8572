/**
 * Attestation outside Kubernetes: each replica has a key file of its own, whose fingerprint a person compared and pinned.
 * It must never accept a statement by a key that is not pinned, nor one about other keys than those of the connection.
 * @module
 */
import { bootViolation, readBoot, signBoot, type SigningKey } from '@letterlock/crypto';
import { isProblemError, lifetimes, ProblemError } from '@letterlock/protocol';
import type { Clock } from '../store/clock.ts';
import type { AttestedBoot, BootAttestor } from './attestation.ts';

export interface StaticAttestorOptions {
  /** This replica's static identity. */
  readonly identity: SigningKey;
  /** Thumbprints of the static identities of all replicas. */
  readonly pinned: ReadonlySet<string>;
  readonly trustDomain: string;
  readonly clock: Clock;
}

/** The port by `letterlock-boot+jws`; the instance is the static identity, the start its boot keys. */
export function createStaticAttestor(o: StaticAttestorOptions): BootAttestor {
  const { identity, pinned, trustDomain, clock } = o;
  return {
    present: (boot) => {
      const iat = clock.nowSeconds();
      return Promise.resolve(signBoot(identity, { boot, exp: iat + lifetimes.bootStatement, iat, td: trustDomain }));
    },
    verify: async ({ boot, token }) => {
      const { claims, signer } = read(token);
      const { thumbprint } = signer;
      if (!pinned.has(thumbprint)) throw new ProblemError('denied', { reason: 'attestation_not_pinned' });
      const reason = bootViolation(claims, { boot, trustDomain, nowSeconds: clock.nowSeconds() });
      if (reason !== undefined) throw new ProblemError('denied', { reason });
      return { instance: `static:${thumbprint}`, start: boot } satisfies AttestedBoot;
    },
  };
}

function read(token: string): ReturnType<typeof readBoot> {
  try {
    return readBoot(token);
  } catch (cause) {
    if (!isProblemError(cause)) throw cause;
    throw new ProblemError('denied', { reason: 'attestation_malformed', cause });
  }
}
