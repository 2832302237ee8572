/**
 * What a static identity says about the keys of a process (protocol.md §8.1), as an admin checks it before a share leaves.
 * It must never decide whether that identity is the right one: that is pinned by a person.
 * @module
 */
import { bootViolation, readBoot } from '@letterlock/crypto';
import { isProblemError } from '@letterlock/protocol';
import { TrustError } from './errors.ts';
import type { Boot } from './unseal.ts';

/**
 * Verifies the token of a process whose `boot` was computed from the keys of its connection.
 * @returns the fingerprint of the static identity that signed it. @throws TrustError 'attestation_invalid'
 */
export function readBootStatement(token: string, { boot, trustDomain }: Boot, nowSeconds: number): string {
  const { claims, signer } = read(token);
  const reason = bootViolation(claims, { boot, trustDomain, nowSeconds });
  if (reason === undefined) return signer.thumbprint;
  throw invalid(messages[reason] ?? 'it is about another process');
}

/** Who signed a token about boot keys, as it says itself: which of the two must then be verified. */
export function attestationKind(token: string): 'static' | 'kubernetes' {
  try {
    const header = JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString('utf8')) as {
      readonly alg?: unknown;
      readonly typ?: unknown;
    } | null;
    // A ServiceAccount token has no type, or that of every token.
    const isPlain = header?.typ === undefined || header.typ === 'JWT';
    return typeof header?.alg === 'string' && isPlain ? 'kubernetes' : 'static';
  } catch {
    return 'static';
  }
}

const messages: Readonly<Record<string, string>> = {
  attestation_trust_domain: 'it is of another trust domain',
  attestation_time: 'it is not valid now, by the local clock',
};

function read(token: string): ReturnType<typeof readBoot> {
  try {
    return readBoot(token);
  } catch (cause) {
    if (!isProblemError(cause)) throw cause;
    throw invalid('it is not a statement of a static identity', cause);
  }
}

function invalid(why: string, cause?: unknown): TrustError {
  return new TrustError('attestation_invalid', `Cannot accept the attestation of the process: ${why}`, { cause });
}
