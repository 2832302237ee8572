/**
 * The `typ` registry and the algorithm allow-list: which header belongs to which object, and which algorithm to which key.
 * It must never let a header choose an algorithm: a header can only be refused.
 * @module
 */

/** `typ` of every signed or encrypted object, and exactly which header members it has. */
export const typ = {
  keyset: 'letterlock-keyset+jws',
  proof: 'letterlock-proof+jws',
  envelope: 'letterlock-env+jws',
  slot: 'letterlock-slot+jwe',
  payload: 'letterlock-payload+jwe',
  deliverySlot: 'letterlock-dslot+jwe',
  delivery: 'letterlock-dlv+jws',
  receipt: 'letterlock-rcpt+jws',
  share: 'letterlock-share+jwe',
  unsealShare: 'letterlock-ushare+jwe',
  unseal: 'letterlock-unseal+jws',
  operation: 'letterlock-op+jws',
  boot: 'letterlock-boot+jws',
  peerShare: 'letterlock-peer+jwe',
  peer: 'letterlock-peer+jws',
  state: 'letterlock-state+jws',
  transcript: 'letterlock-transcript+jws',
  bindingKey: 'letterlock-bk+jws',
  bundle: 'letterlock-bundle+jws',
  checkpoint: 'letterlock-ckpt+jws',
} as const;
export type Typ = (typeof typ)[keyof typeof typ];
export type JwsTyp = Extract<Typ, `${string}+jws`>;
export type JweTyp = Extract<Typ, `${string}+jwe`>;

/** Exact header members of each JWE; `epk` is present iff the algorithm is ECDH-ES+A256KW. */
export const jweMembers: Readonly<Record<JweTyp, readonly string[]>> = {
  [typ.slot]: ['alg', 'enc', 'typ', 'kid', 'eh'],
  [typ.deliverySlot]: ['alg', 'enc', 'typ', 'kid', 'eh', 'ct'],
  [typ.payload]: ['alg', 'enc', 'typ', 'eh'],
  [typ.share]: ['alg', 'enc', 'typ', 'kid', 'inst', 'gen', 'x'],
  [typ.unsealShare]: ['alg', 'enc', 'typ', 'kid', 'boot', 'inst', 'gen', 'purpose'],
  [typ.peerShare]: ['alg', 'enc', 'typ', 'kid'],
};
/** Exact header members of every JWS. */
export const jwsMembers = ['alg', 'typ', 'kid'] as const;

export type SignatureAlgorithm = 'ES256' | 'ES384' | 'Ed25519' | 'PS256';
export type KeyManagementAlgorithm = 'ECDH-ES+A256KW' | 'RSA-OAEP-256';
export type ContentEncryption = 'A256GCM';

export type KeyKind = 'P-256' | 'P-384' | 'Ed25519' | 'X25519' | 'RSA';
/** What a key of each kind may do; absent means never. */
export const keyAlgorithms: Readonly<
  Record<KeyKind, { readonly signature?: SignatureAlgorithm; readonly keyManagement?: KeyManagementAlgorithm }>
> = {
  'P-256': { signature: 'ES256', keyManagement: 'ECDH-ES+A256KW' },
  'P-384': { signature: 'ES384', keyManagement: 'ECDH-ES+A256KW' },
  Ed25519: { signature: 'Ed25519' },
  X25519: { keyManagement: 'ECDH-ES+A256KW' },
  RSA: { signature: 'PS256', keyManagement: 'RSA-OAEP-256' },
};

export interface EcPublicJwk {
  readonly crv: 'P-256' | 'P-384';
  readonly kty: 'EC';
  readonly x: string;
  readonly y: string;
}
export interface OkpPublicJwk {
  readonly crv: 'Ed25519' | 'X25519';
  readonly kty: 'OKP';
  readonly x: string;
}
export interface RsaPublicJwk {
  readonly e: string;
  readonly kty: 'RSA';
  readonly n: string;
}
/** A public key with exactly the members of RFC 7638. */
export type PublicJwk = EcPublicJwk | OkpPublicJwk | RsaPublicJwk;
