/**
 * What the listeners need from outside, so that they depend neither on the wiring nor on a metrics library.
 * It must never hold behaviour.
 * @module
 */
import type {
  AuditTrail,
  BindingKeys,
  Clock,
  Directory,
  GrantRegistry,
  IdentityRegistry,
  Installation,
  KnownKey,
  LiveBindings,
  NonceAuthority,
  OperationLedger,
  SecondFactor,
  Secrets,
  Store,
  TokenWriters,
  WorkloadAuthorities,
  Workloads,
  Wraps,
} from '@letterlock/core';
import type { Envelope, RouteName } from '@letterlock/protocol';
import type { ReadPublicKey } from './connection.ts';

/** What exists only while the service is unsealed. */
export interface UnsealedServices {
  readonly inst: string;
  readonly audit: AuditTrail;
  readonly identities: IdentityRegistry;
  readonly grants: GrantRegistry;
  readonly wraps: Wraps;
  readonly secrets: Secrets;
  readonly ledger: OperationLedger;
  /** Where a caller's key is looked up. */
  readonly directory: Directory;
  /** The following are there in Kubernetes alone. */
  readonly bindings?: LiveBindings;
  readonly workloads?: Workloads;
  readonly bindingKeys?: BindingKeys;
  readonly secondFactor?: SecondFactor;
  readonly tokenWriters?: TokenWriters;
  /** Undefined also for a moment after the unseal. */
  readonly authorities?: WorkloadAuthorities | undefined;
}

/** The cryptographic readers, which this folder may not import itself. */
export interface Readers {
  readonly publicKey: ReadPublicKey;
  /** @throws 'bad_envelope' */
  readonly envelope: (envelope: Envelope) => Parameters<Wraps['store']>[2];
  /** @throws 'bad_encoding', 'bad_key', 'bad_proof' */
  readonly keyset: (jws: string) => NonNullable<KnownKey['keyset']>;
}

/** What becomes of a wrap. `delivered`: claimed, or delivered again to the same claim. */
export const wrapTransitions = [
  'stored',
  'delivered',
  'acknowledged',
  'revoked',
  'burned',
  'expired',
  'purged',
] as const;
export type WrapTransition = (typeof wrapTransitions)[number];

/** What becomes of a version of a secret, or is done with it. `expired`: its envelope was deleted. */
export type SecretTransition = 'written' | 'read' | 'destroyed' | 'expired';

/** Who meets a damaged record. */
export const damageFinders = ['request', 'sweeper'] as const;
export type DamageFinder = (typeof damageFinders)[number];

/** Counts for the metrics; every label has a fixed set of values. */
export interface HttpMetrics {
  /** @param route - `none` when no route was found */
  answered(route: RouteName | 'none', status: number, seconds: number): void;
  wrapChanged(transition: WrapTransition): void;
  secretChanged(transition: SecretTransition): void;
  proofFailed(): void;
  /** Records of the store that were changed, exchanged or lost (reason storage_integrity). */
  recordsDamaged(metBy: DamageFinder, count: number): void;
  /** A request that could not be parsed. */
  connectionRefused(): void;
}

/** What the routes work with. */
export interface Services {
  readonly trustDomain: string;
  readonly installation: Installation;
  readonly store: Store;
  readonly nonces: NonceAuthority;
  readonly clock: Clock;
  readonly readers: Readers;
  readonly metrics: HttpMetrics;
  /** Known once the listener listens. */
  readonly publicOrigins: () => readonly string[];
  /** Undefined while sealed or uninitialised. */
  readonly unsealed: () => UnsealedServices | undefined;
  /** To be called once, after an admin has initialised the service. */
  readonly initialised: () => Promise<void>;
}
