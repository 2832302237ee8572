/**
 * Identities: a signing key, the keys that open, and the keyset that binds them together (protocol.md §3).
 * It must never store anything: files are the caller's matter.
 * @module
 */
import {
  createKeyset,
  generateOpeningKey,
  generateSigningKey,
  openingKeyOf,
  publicOfOpening,
  verifyKeyset,
  type OpeningKey,
  type OpeningKeyKind,
  type SigningKey,
  type SigningKeyKind,
} from '@letterlock/crypto';

/** Somebody's keys. `id` = RFC 7638 thumbprint of the signing key. */
export interface Identity {
  readonly id: string;
  readonly signingKey: SigningKey;
  /** The current key first, older ones behind it. */
  readonly openingKeys: readonly [OpeningKey, ...OpeningKey[]];
  /** Compact JWS; absent where nobody signed one yet. */
  readonly keyset?: string;
}

export interface KeysetOptions {
  /** Rises with each change of the opening key. Default 1. */
  readonly seq?: number;
  /** For display only, at most 128 bytes. */
  readonly name?: string;
  /** Seconds. Default: the local time. */
  readonly iat?: number;
  readonly exp?: number;
}

export interface IdentityOptions extends KeysetOptions {
  /** Default P-256. */
  readonly signingKind?: SigningKeyKind;
  /** Default P-256. */
  readonly openingKind?: OpeningKeyKind;
  /** One P-256, P-384 or RSA key for both, as a smart card has. Default false: separate keys cost nothing. */
  readonly isSingleKey?: boolean;
}

/** Makes an identity with fresh keys and its first keyset. @throws TypeError if a single key of this kind cannot do both. */
export function createIdentity(options: IdentityOptions = {}): Identity {
  const signingKey = generateSigningKey(options.signingKind);
  const openingKey =
    options.isSingleKey === true ? openingKeyOf(signingKey.keyObject) : generateOpeningKey(options.openingKind);
  return identityOf(signingKey, [openingKey], options);
}

/** An identity of existing keys, with a keyset for the first of the opening keys. */
export function identityOf(
  signingKey: SigningKey,
  openingKeys: readonly [OpeningKey, ...OpeningKey[]],
  options: KeysetOptions = {},
): Identity {
  return {
    id: signingKey.thumbprint,
    signingKey,
    openingKeys,
    keyset: createKeyset({
      sig: signingKey,
      enc: publicOfOpening(openingKeys[0]),
      seq: options.seq ?? 1,
      iat: options.iat ?? Math.floor(Date.now() / 1000),
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(options.exp === undefined ? {} : { exp: options.exp }),
    }),
  };
}

/** A new opening key in front of the older ones, which go on opening what was sealed to them, and the next keyset. */
export function rotateIdentity(
  identity: Identity,
  options: KeysetOptions & { readonly openingKind?: OpeningKeyKind } = {},
): Identity {
  const before = identity.keyset === undefined ? undefined : verifyKeyset(identity.keyset);
  return identityOf(identity.signingKey, [generateOpeningKey(options.openingKind), ...identity.openingKeys], {
    ...options,
    seq: options.seq ?? (before?.seq ?? 1) + 1,
    ...(options.name === undefined && before?.name !== undefined ? { name: before.name } : {}),
  });
}

/** Remembers the highest `seq` of each identity, so that an older keyset is not accepted again. */
export interface SequenceMemory {
  get(id: string): number | undefined;
  set(id: string, seq: number): void;
}
