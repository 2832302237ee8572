/**
 * The record of the authorities and their keys, as plaintext of the barrier. Binary, as the keyring is: no key ever becomes text.
 * It must never be stored but through the barrier, under its own path.
 * @module
 */
import { exportPrivateKey, importSigningKey, publicOf, SecretBytes } from '@letterlock/crypto';
import {
  array,
  canonicalBytes,
  integer,
  limits,
  object,
  oneOf,
  parseCanonical,
  ProblemError,
  seconds,
} from '@letterlock/protocol';
import { readAuthority, type Authority, type TrustedAuthority } from './authority.ts';
import type { RotationState } from './rotation.ts';

/** Literal, since the seal's own records are; it tells nobody anything. */
export const authoritiesPath = 'sys/ca';

/** The keys of those that sign no more are kept while they are trusted, and go when they retire. */
export type AuthorityState = RotationState<Authority | TrustedAuthority> & { readonly signing: Authority };

const role = oneOf('signing', 'next', 'retiring', 'past');
type Role = ReturnType<typeof role>;
const maximumHeaderBytes = 16_384;
/** Describes what follows it, part by part: certificate, then key. */
const recordHeader = object({
  parts: array(
    object({
      at: seconds,
      certificate: integer(1, limits.certificateBytes),
      key: integer(0, 4096),
      role,
    }),
    limits.authorities + limits.pastAuthorities,
    1,
  ),
  seq: integer(1),
  v: integer(1, 1),
});

interface Part {
  readonly role: Role;
  /** When the part's state began; 0 where that does not matter. */
  readonly at: number;
  readonly authority: Authority | TrustedAuthority;
}

/** `u32 length ‖ JCS header ‖ certificates and keys`; the caller disposes of it. */
export function encodeAuthorities(state: AuthorityState): SecretBytes {
  using stack = new DisposableStack();
  const parts = partsOf(state).map(({ role: as, at, authority }) => {
    const key = as !== 'past' && 'key' in authority ? stack.use(exportPrivateKey(authority.key)) : undefined;
    return { as, at, der: authority.der, key };
  });
  const header = canonicalBytes({
    parts: parts.map(({ as, at, der, key }) => ({ at, certificate: der.length, key: key?.lengthBytes ?? 0, role: as })),
    seq: state.seq,
    v: 1,
  });
  const pieces = parts.flatMap(({ der, key }) => [der, ...(key === undefined ? [] : [key.expose()])]);
  const encoded = new Uint8Array(4 + header.length + pieces.reduce((total, { length }) => total + length, 0));
  new DataView(encoded.buffer).setUint32(0, header.length);
  encoded.set(header, 4);
  let at = 4 + header.length;
  for (const piece of pieces) {
    encoded.set(piece, at);
    at += piece.length;
  }
  return SecretBytes.take(encoded);
}

/** Reads an opened record; erasing the input is the caller's. @throws 'internal' with reason authorities_unreadable */
export function decodeAuthorities(plaintext: Uint8Array, trustDomain: string): AuthorityState {
  try {
    const view = new DataView(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
    const headerLength = view.getUint32(0);
    if (headerLength > maximumHeaderBytes) throw new RangeError('header length');
    const header = recordHeader(parseCanonical(plaintext.subarray(4, 4 + headerLength)), '');
    let at = 4 + headerLength;
    const parts = header.parts.map((part): Part => {
      // A copy: a Buffer's slice would be erased with the plaintext.
      const der = new Uint8Array(plaintext.subarray(at, at + part.certificate));
      at += part.certificate;
      const authority = withKey(readAuthority(der, trustDomain), plaintext.subarray(at, at + part.key));
      at += part.key;
      return { role: part.role, at: part.at, authority };
    });
    if (at !== plaintext.length) throw new RangeError('total length');
    return stateOf(header.seq, parts);
  } catch (cause) {
    throw new ProblemError('internal', { reason: 'authorities_unreadable', cause });
  }
}

function partsOf({ signing, next, retiring, past }: AuthorityState): readonly Part[] {
  return [
    { role: 'signing', at: 0, authority: signing },
    ...(next === undefined ? [] : [{ role: 'next' as const, at: next.publishedAt, authority: next.authority }]),
    ...(retiring === undefined
      ? []
      : [{ role: 'retiring' as const, at: retiring.stoppedAt, authority: retiring.authority }]),
    ...past.map((authority) => ({ role: 'past' as const, at: 0, authority })),
  ];
}

function stateOf(seq: number, parts: readonly Part[]): AuthorityState {
  const only = (as: Role): Part | undefined => {
    const found = parts.filter((part) => part.role === as);
    if (found.length > 1) throw new RangeError(`authority part ${as}`);
    return found[0];
  };
  const signing = only('signing')?.authority;
  const next = only('next');
  const retiring = only('retiring');
  if (signing === undefined || !('key' in signing)) throw new RangeError('authority part signing');
  if (next !== undefined && !('key' in next.authority)) throw new RangeError('authority part next');
  return {
    seq,
    signing,
    ...(next === undefined ? {} : { next: { authority: next.authority, publishedAt: next.at } }),
    ...(retiring === undefined ? {} : { retiring: { authority: retiring.authority, stoppedAt: retiring.at } }),
    past: parts.filter((part) => part.role === 'past').map(({ authority }) => authority),
  };
}

/** @throws RangeError unless the key is that of the certificate. */
function withKey(authority: TrustedAuthority, pkcs8: Uint8Array): Authority | TrustedAuthority {
  if (pkcs8.length === 0) return authority;
  using secret = SecretBytes.copy(pkcs8);
  const key = importSigningKey(secret);
  if (publicOf(key).thumbprint !== authority.read.key.thumbprint) throw new RangeError('authority key');
  return { ...authority, key };
}
