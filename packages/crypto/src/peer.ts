/**
 * Peer unseal (protocol.md §8.1): the statement of a static identity about boot keys, and the KEK on its way to an attested start.
 * It must never put the KEK into text: its plaintext is binary, so that every copy can be filled with zeros.
 * @module
 */
import { bootClaims, lifetimes, parseJws, peerClaims, ProblemError, readClaims, typ } from '@letterlock/protocol';
import type { BootClaims, PeerClaims } from '@letterlock/protocol';
import { openJws, signatureInvalid, signJws, verifyJws } from './jws.ts';
import { importVerifyingKey, type OpeningKey, type SealingKey, type SigningKey, type VerifyingKey } from './keys.ts';
import { SecretBytes } from './secret-bytes.ts';
import { openJwe, sealJwe } from './slot.ts';

const kekBytes = 32;
const statementCharacters = 8192;

/** Signs a `letterlock-boot+jws`; `sig` is filled in. */
export function signBoot(key: SigningKey, claims: Omit<BootClaims, 'sig'>): string {
  return signJws({ typ: typ.boot, key, claims: { ...claims, sig: { ...key.jwk } } });
}

/** Reads a statement that its own key has signed; whose key that is, is the caller's to ask. @throws 'bad_encoding', 'bad_key', 'bad_proof' */
export function readBoot(jws: string): { readonly claims: BootClaims; readonly signer: VerifyingKey } {
  const parsed = parseJws(jws, typ.boot, statementCharacters);
  const claims = readClaims(bootClaims, parsed.payload);
  const signer = importVerifyingKey(claims.sig);
  if (!verifyJws(parsed, signer)) throw signatureInvalid();
  return { claims, signer };
}

/** What a statement is held against. */
export interface ExpectedBoot {
  /** Computed from the keys that were presented, never as the other end says it. */
  readonly boot: string;
  readonly trustDomain: string;
  readonly nowSeconds: number;
}

/** Every way in which a statement by the right key can be the wrong one. Two machines, two clocks: it may be from a little ahead. */
const bootViolations: readonly {
  readonly reason: string;
  readonly isFound: (claims: BootClaims, expected: ExpectedBoot) => boolean;
}[] = [
  { reason: 'attestation_boot', isFound: (claims, { boot }) => claims.boot !== boot },
  { reason: 'attestation_trust_domain', isFound: ({ td }, { trustDomain }) => td !== trustDomain },
  { reason: 'attestation_time', isFound: ({ exp }, { nowSeconds }) => exp <= nowSeconds },
  { reason: 'attestation_time', isFound: ({ iat }, { nowSeconds }) => iat > nowSeconds + lifetimes.issuedAtSkew },
  // Who had the key for a moment could otherwise sign for years.
  { reason: 'attestation_time', isFound: ({ exp, iat }) => exp > iat + lifetimes.bootStatement },
];

/** Why a statement is not about this start, now; undefined if it is. @source protocol.md §8.1 */
export function bootViolation(claims: BootClaims, expected: ExpectedBoot): string | undefined {
  return bootViolations.find(({ isFound }) => isFound(claims, expected))?.reason;
}

/** Seals `u32 gen ‖ KEK` to the `benc` of an attested start, as `letterlock-peer+jwe`. */
export async function sealPeerKek(o: {
  readonly to: SealingKey;
  readonly gen: number;
  readonly kek: SecretBytes;
}): Promise<string> {
  using plaintext = SecretBytes.take(new Uint8Array(4 + kekBytes));
  const bytes = plaintext.expose();
  new DataView(bytes.buffer).setUint32(0, o.gen);
  bytes.set(o.kek.expose(), 4);
  return await sealJwe({ typ: typ.peerShare, to: o.to, header: {}, plaintext: bytes });
}

/** @returns the KEK, which is the caller's to dispose of. @throws 'bad_envelope' if it does not open, 'conflict' for another generation */
export async function openPeerKek(jwe: string, key: OpeningKey, gen: number): Promise<SecretBytes> {
  const opened = await openJwe(jwe, { typ: typ.peerShare, key });
  using plaintext = opened.plaintext;
  const bytes = plaintext.expose();
  if (bytes.length !== 4 + kekBytes) throw new ProblemError('bad_envelope', { reason: 'peer_answer_form' });
  if (new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) !== gen) {
    throw new ProblemError('conflict', { reason: 'peer_generation' });
  }
  return SecretBytes.copy(bytes.subarray(4));
}

/** Signs the answer with the instance key. */
export function signPeer(key: SigningKey, claims: PeerClaims): string {
  return signJws({ typ: typ.peer, key, claims: { ...claims } });
}

/** @throws 'bad_encoding', 'bad_proof' */
export function openPeer(jws: string, key: VerifyingKey): PeerClaims {
  return openJws(jws, { typ: typ.peer, key, claims: peerClaims, maximumCharacters: statementCharacters });
}
