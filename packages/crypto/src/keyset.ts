/**
 * Keysets: a signature key's own statement of which encryption key belongs to it (protocol.md §3).
 * It must never accept a keyset that is signed by another key than the one inside.
 * @module
 */
import { canonicalize, keysetClaims, limits, parseJws, readClaims, typ, type JcsObject } from '@letterlock/protocol';
import { signatureInvalid, signJws, verifyJws } from './jws.ts';
import { importSealingKey, importVerifyingKey, type SealingKey, type SigningKey, type VerifyingKey } from './keys.ts';

/** A verified keyset. `id` = thumbprint of `sig`; `jws` is what was verified. Expiry is the caller's to judge. */
export interface Keyset {
  readonly id: string;
  readonly sig: VerifyingKey;
  readonly enc: SealingKey;
  readonly seq: number;
  readonly name?: string;
  readonly iat: number;
  readonly exp?: number;
  readonly jws: string;
}

/** Signs a keyset. @param o - `seq` rises with each change of `enc`; `name` is for display only, ≤ 128 bytes. */
export function createKeyset(o: {
  readonly sig: SigningKey;
  readonly enc: SealingKey;
  readonly seq: number;
  readonly iat: number;
  readonly name?: string;
  readonly exp?: number;
}): string {
  const claims = canonicalize({
    enc: o.enc.jwk as unknown as JcsObject,
    ...(o.exp === undefined ? {} : { exp: o.exp }),
    iat: o.iat,
    ...(o.name === undefined ? {} : { name: o.name }),
    seq: o.seq,
    sig: o.sig.jwk as unknown as JcsObject,
  });
  readClaims(keysetClaims, claims);
  return signJws({ typ: typ.keyset, key: o.sig, claims });
}

/** Reads and verifies a keyset with the key inside it. @throws 'bad_encoding' form, 'bad_key' policy, 'bad_proof' signature. */
export function verifyKeyset(jws: string): Keyset {
  const parsed = parseJws(jws, typ.keyset, limits.keysetBytes);
  const claims = readClaims(keysetClaims, parsed.payload);
  const sig = importVerifyingKey(claims.sig);
  const enc = importSealingKey(claims.enc);
  if (!verifyJws(parsed, sig)) throw signatureInvalid();
  return {
    id: sig.thumbprint,
    sig,
    enc,
    seq: claims.seq,
    ...(claims.name === undefined ? {} : { name: claims.name }),
    iat: claims.iat,
    ...(claims.exp === undefined ? {} : { exp: claims.exp }),
    jws,
  };
}
