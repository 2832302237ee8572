/**
 * The TypeScript SDK of Letterlock.
 * @module
 */
export { SecretBytes, verifyKeyset, type Keyset, type OpeningKey, type SigningKey } from '@letterlock/crypto';
export { isProblemError, type Envelope, type Evidence, type Grant, type ProblemCode } from '@letterlock/protocol';
export { endpointsOf, parseAddress, type ServerAddress, type ServiceAddress, type SharedOrigin } from './address.ts';
export type { OperationOutcome, RunningOperation } from './administration.ts';
export { attestationKind, readBootStatement } from './boot-statement.ts';
export { LetterlockClient, type ClientOptions, type State } from './client.ts';
export { readClusterToken, type AttestedPod, type TrustedCluster } from './cluster-token.ts';
export type { CallOptions } from './deadline.ts';
export {
  ConnectionError,
  IntegrityError,
  LetterlockError,
  TrustError,
  type ConnectionFailure,
  type Outcome,
  type TrustFailure,
} from './errors.ts';
export {
  createIdentity,
  identityOf,
  rotateIdentity,
  type Identity,
  type IdentityOptions,
  type KeysetOptions,
  type SequenceMemory,
} from './identity.ts';
export { inspectServer, type ServerInspection } from './inspect-server.ts';
export { formatKeyFile, KeyFileError, parseKeyFile, type KeyFile, type KeyFileFailure } from './key-file.ts';
export type { Claim, OpenedWrap, OpenOptions } from './open-wrap.ts';
export type { Receipt } from './receipts.ts';
export { replicasOf, type Resolve } from './replicas.ts';
export { sealWrap, type SealedWrap, type WrapContent } from './seal-wrap.ts';
export { sealSecret, type SealedSecret, type SecretContent } from './seal-secret.ts';
export type {
  ListedSecret,
  ListSecretsOptions,
  ReadSecret,
  ReadSecretOptions,
  SecretVersion,
  ShareSecretOptions,
  VersionMemory,
  WriteSecretOptions,
  WrittenSecret,
} from './secrets.ts';
export type { Warning } from './session.ts';
export type { WriteBindingSecretOptions, WrittenBindingSecret } from './binding-secrets.ts';
export type { BindingKey } from './workloads.ts';
export type { FirstContact, TrustPolicy } from './trust.ts';
export type { Boot, GiveShareOptions, InitialiseOptions, ShareOutcome, SharePin, UnsealStatus } from './unseal.ts';
export { judgeProof, type ReaderProof, type StoredWrap, type WrapOptions, type WrapStatus } from './wraps.ts';
