/**
 * Attestation outside Kubernetes: each replica has a key file of its own, whose fingerprint a person compared and pinned.
 * It must never accept a statement by a key that is not pinned, nor one about other keys than those of the connection.
 * @module
 */
import { readBoot, signBoot, type SigningKey } from '@letterlock/crypto';
import { isProblemError, lifetimes, ProblemError } from '@letterlock/protocol';
import type { Clock } from '../store/clock.ts';
import type { AttestedBoot, BootAttestor, BootEvidence } from './attestation.ts';

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
    verify: async (evidence) => {
      const { claims, signer } = read(evidence);
      const violation = violations.find(({ isFound }) =>
        isFound({
          claims,
          signer: signer.thumbprint,
          boot: evidence.boot,
          pinned,
          trustDomain,
          now: clock.nowSeconds(),
        }),
      );
      if (violation !== undefined) throw new ProblemError('denied', { reason: violation.reason });
      return { instance: `static:${signer.thumbprint}`, start: evidence.boot } satisfies AttestedBoot;
    },
  };
}

interface Finding {
  readonly claims: ReturnType<typeof readBoot>['claims'];
  readonly signer: string;
  readonly boot: string;
  readonly pinned: ReadonlySet<string>;
  readonly trustDomain: string;
  readonly now: number;
}

const violations: readonly { readonly reason: string; readonly isFound: (finding: Finding) => boolean }[] = [
  { reason: 'attestation_not_pinned', isFound: ({ pinned, signer }) => !pinned.has(signer) },
  { reason: 'attestation_boot', isFound: ({ claims, boot }) => claims.boot !== boot },
  { reason: 'attestation_trust_domain', isFound: ({ claims, trustDomain }) => claims.td !== trustDomain },
  {
    reason: 'attestation_time',
    // Two machines, two clocks.
    isFound: ({ claims, now }) => claims.exp <= now || claims.iat > now + lifetimes.issuedAtSkew,
  },
];

function read({ token }: BootEvidence): ReturnType<typeof readBoot> {
  try {
    return readBoot(token);
  } catch (cause) {
    if (!isProblemError(cause)) throw cause;
    throw new ProblemError('denied', { reason: 'attestation_malformed', cause });
  }
}
