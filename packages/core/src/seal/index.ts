/**
 * Sealing and unsealing: the barrier, its keyring, and the state machine of an installation.
 * @module
 */
export { type AcknowledgementProgress } from './acknowledge-share.ts';
export {
  readAdminCertificate,
  type Admin,
  type AdminCertificate,
  type InitConfiguration,
} from './admin-certificate.ts';
export { type AppliedOperation } from './applied-operation.ts';
export { createBootKeys, replicaName, type BootKeys } from './boot-keys.ts';
export { type AskPeer } from './ask-peer.ts';
export { type AttestedBoot, type BootAttestor, type BootEvidence } from './attestation.ts';
export { type OwnStart } from './claim-own-start.ts';
export { imageReason, type RefusedReplica } from './grant-peer.ts';
export { Installation, type CountedShare, type InstallationOptions } from './installation.ts';
export { type Unsealed } from './opened.ts';
export { type SealConfiguration } from './seal-configuration.ts';
export { type ReceivedFacts } from './seal-facts.ts';
export { createStaticAttestor, type StaticAttestorOptions } from './static-attestor.ts';
export { type NonceRedeemer } from './unseal-share.ts';
