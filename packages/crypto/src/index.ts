/**
 * Bytes in, bytes out: every cryptographic format of the protocol.
 * @module
 */
export * from './audit-run.ts';
export * from './barrier-record.ts';
export * from './binding-key.ts';
export * from './bundle.ts';
export * from './bytes.ts';
export * from './certificate.ts';
export * from './checkpoint.ts';
export * from './cluster-token.ts';
export * from './configuration-mac.ts';
export * from './content.ts';
export * from './delivery.ts';
export * from './envelope.ts';
export { deriveKey } from './hkdf.ts';
export * from './jws.ts';
export type * from './key-device.ts';
export * from './keys.ts';
export * from './keyset.ts';
export * from './mac.ts';
export { removeOaepPadding } from './oaep.ts';
export * from './op.ts';
export * from './payload.ts';
export * from './peer.ts';
export * from './private-key.ts';
export * from './proof-jws.ts';
export { fillPublicRandom } from './public-random.ts';
export * from './receipt.ts';
export * from './secret-bytes.ts';
export * from './secret-map.ts';
export * from './self-signed-certificate.ts';
export * from './shares.ts';
export * from './slot.ts';
export * from './state-statement.ts';
export * from './verify-audit.ts';
export * from './web-crypto.ts';
