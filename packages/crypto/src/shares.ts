/**
 * Shares of the master key (protocol.md §10): splitting, commitments, and their way to admins and back to a booting server.
 * It must never combine before every share's commitment is checked by the caller, nor open a share that is not a share (T-23).
 * @module
 */
import { combine, split } from 'shamir-secret-sharing';
import {
  canonicalize,
  decodeBase64url,
  domains,
  encodeBase64url,
  labels,
  parseJwe,
  ProblemError,
  typ,
  type JweHeader,
} from '@letterlock/protocol';
import { hash43 } from './bytes.ts';
import { deriveKey } from './hkdf.ts';
import type { OpeningKey, SealingKey } from './keys.ts';
import { SecretBytes } from './secret-bytes.ts';
import { openJwe, sealJwe, slotCharacters } from './slot.ts';

const masterKeyBytes = 32;
const mostShares = 16;

/** One holder's part. `share` is 32 bytes (any: the key itself) or 33 (shamir: the last byte is `x`). */
export interface Share {
  readonly x: number;
  readonly share: SecretBytes;
}

/** Splits a 32-byte master key: plain copies for k = 1, GF(2^8) Shamir for 2 ≤ k ≤ n ≤ 16. @throws RangeError */
export async function splitMasterKey(masterKey: SecretBytes, k: number, n: number): Promise<readonly Share[]> {
  const isRight = Number.isInteger(k) && Number.isInteger(n) && k >= 1 && k <= n && n <= mostShares;
  if (!isRight) throw new RangeError(`Cannot split: got ${k} of ${n}, need 1 ≤ k ≤ n ≤ ${mostShares}`);
  if (masterKey.lengthBytes !== masterKeyBytes) throw new RangeError('Cannot split: the master key is not 32 bytes');
  // The library refuses k = 1.
  if (k === 1) {
    return Array.from({ length: n }, (_, index) => ({ x: index + 1, share: SecretBytes.copy(masterKey.expose()) }));
  }
  const copy = new Uint8Array(masterKey.expose());
  const shares = await split(copy, n, k);
  copy.fill(0);
  return shares.map((bytes) => ({ x: bytes.at(-1)!, share: SecretBytes.take(bytes) }));
}

/**
 * Combines shares whose commitments were checked: wrong or too few give a wrong key silently, with this library as with any.
 * @throws 'conflict' if a share has the wrong shape or there are fewer than k different ones.
 */
export async function combineShares(k: number, shares: readonly Share[]): Promise<SecretBytes> {
  const shareBytes = k === 1 ? masterKeyBytes : masterKeyBytes + 1;
  const isRight = shares.every(
    ({ x, share }) =>
      x >= 1 && x <= 255 && share.lengthBytes === shareBytes && (k === 1 || share.expose().at(-1) === x),
  );
  if (!isRight) throw new ProblemError('conflict', { reason: 'share_malformed' });
  if (shares.length < k || new Set(shares.map(({ x }) => x)).size !== shares.length) {
    throw new ProblemError('conflict', { reason: 'share_count' });
  }
  if (k === 1) return SecretBytes.copy(shares[0]!.share.expose());
  const copies = shares.map(({ share }) => new Uint8Array(share.expose()));
  const masterKey = SecretBytes.take(await combine(copies));
  for (const copy of copies) copy.fill(0);
  return masterKey;
}

/** `c`: identifies a share before it is combined and reveals nothing, 43 characters. @source protocol.md §10.2 */
export function shareCommitment(inst: string, gen: number, share: SecretBytes): string {
  const head = Buffer.from(domains.share, 'latin1');
  const instance = decodeBase64url(inst);
  const input = Buffer.alloc(head.length + instance.length + 4 + share.lengthBytes);
  input.set(head);
  input.set(instance, head.length);
  input.writeUInt32BE(gen, head.length + instance.length);
  input.set(share.expose(), head.length + instance.length + 4);
  const commitment = hash43(input);
  input.fill(0);
  return commitment;
}

/** What an admin sends to prove that its share decrypts: KDF(share, inst, "ack"), 43 characters. @source protocol.md §10.3 */
export function shareAcknowledgement(share: SecretBytes, inst: string): string {
  using acknowledgement = deriveKey(share, decodeBase64url(inst), labels.acknowledgement);
  return encodeBase64url(acknowledgement.expose());
}

/** `a` of the seal configuration: SHA-256 of the acknowledgement's bytes. @throws 'bad_encoding' */
export function acknowledgementHash(acknowledgement: string): string {
  return hash43(decodeBase64url(acknowledgement));
}

/** Seals one share to its admin. */
export function sealShare(o: {
  readonly to: SealingKey;
  readonly inst: string;
  readonly gen: number;
  readonly x: number;
  readonly share: SecretBytes;
}): Promise<string> {
  const header = { inst: o.inst, gen: o.gen, x: o.x };
  return sealJwe({ typ: typ.share, to: o.to, header, plaintext: o.share.expose() });
}

/**
 * Opens the admin's own share; `typ`, `inst` and `gen` are compared before the key is used.
 * @throws 'bad_encoding' for its form or `typ`, 'conflict' for another instance or generation, 'bad_envelope' if it does not open.
 */
export async function openShare(
  jwe: string,
  key: OpeningKey,
  expected: { readonly inst: string; readonly gen: number },
): Promise<Share> {
  const { header } = parseJwe(jwe, typ.share, slotCharacters);
  requireMembers(header, { inst: expected.inst, gen: expected.gen }, 'share_generation');
  const { plaintext } = await openJwe(jwe, { typ: typ.share, key });
  return { x: header.x!, share: plaintext };
}

interface UnsealContext {
  readonly adminId: string;
  readonly boot: string;
  readonly inst: string;
  readonly gen: number;
  /** `unseal` or `rekey:<hash>`: a share for one is never a share for the other. */
  readonly purpose: string;
}

/** Seals a share to a booting server's `benc`; the header's `kid` is the admin's id (the one exception to §2.1). */
export function sealUnsealShare(
  o: UnsealContext & { readonly to: SealingKey; readonly share: SecretBytes },
): Promise<string> {
  const header = { boot: o.boot, inst: o.inst, gen: o.gen, purpose: o.purpose };
  return sealJwe({ typ: typ.unsealShare, to: o.to, kid: o.adminId, header, plaintext: o.share.expose() });
}

/** Opens a share with `benc`; every expected member is compared before the key is used. @throws as openShare */
export async function openUnsealShare(jwe: string, key: OpeningKey, expected: UnsealContext): Promise<SecretBytes> {
  const { header } = parseJwe(jwe, typ.unsealShare, slotCharacters);
  const { adminId, boot, inst, gen, purpose } = expected;
  requireMembers(header, { kid: adminId, boot, inst, gen, purpose }, 'share_context');
  return (await openJwe(jwe, { typ: typ.unsealShare, key, kid: adminId })).plaintext;
}

/** `boot`: names this start of a server by both of its keys, 43 characters. @source protocol.md §10.1 */
export function bootFingerprint(btlsThumbprint: string, bencThumbprint: string): string {
  return hash43(canonicalize({ enc: bencThumbprint, tls: btlsThumbprint }));
}

function requireMembers(header: JweHeader, expected: Partial<JweHeader>, reason: string): void {
  for (const name of Object.keys(expected) as (keyof JweHeader)[]) {
    if (header[name] !== expected[name]) throw new ProblemError('conflict', { reason });
  }
}
