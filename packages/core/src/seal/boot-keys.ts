/**
 * The keys of one process start: they name this boot while nothing else can, and die with it.
 * It must never store or export a private half.
 * @module
 */
import {
  bootFingerprint,
  generateOpeningKey,
  generateSigningKey,
  type OpeningKey,
  type SigningKey,
} from '@letterlock/crypto';
import { decodeBase64url, encodeBase64url } from '@letterlock/protocol';

const replicaIdBytes = 8;

export interface BootKeys {
  /** `btls`: the only key that this process serves TLS with. */
  readonly tls: SigningKey;
  /** `benc`: what admins encrypt their shares to. */
  readonly enc: OpeningKey;
  /** SHA-256 over both thumbprints, 43 characters. */
  readonly boot: string;
  /** First 8 bytes of the thumbprint of `tls`. */
  readonly replicaId: Uint8Array;
}

/** Makes both keys, P-256. @source protocol.md §10.1, §4.2 */
export function createBootKeys(): BootKeys {
  const tls = generateSigningKey('P-256');
  const enc = generateOpeningKey('P-256');
  return {
    tls,
    enc,
    boot: bootFingerprint(tls.thumbprint, enc.thumbprint),
    replicaId: decodeBase64url(tls.thumbprint).subarray(0, replicaIdBytes),
  };
}

/** The replica id as audit records name it, 11 characters. */
export function replicaName(boot: BootKeys): string {
  return encodeBase64url(boot.replicaId);
}
