/**
 * A SecretBinding as it is in the cluster now, as far as rights rest on it, and the port that tells (decisions.md, "Kubernetes").
 * It must never be asked of the store: a binding that was deleted gives no rights, whatever is stored.
 * @module
 */
import { lifetimes, type BindingDelivery, type OnceSecret } from '@letterlock/protocol';

/** What the controller's informer knows, read without waiting. */
export interface LiveBindings {
  /** False while the watches of pods and bindings have been silent too long: then no right rests on a binding. */
  isCurrent(): boolean;
  /** Undefined also while it terminates. */
  bindingOf(namespace: string, name: string): LiveBinding | undefined;
  /** All of a namespace, by the same rule. */
  bindingsIn(namespace: string): readonly LiveBinding[];
}

export interface LiveBinding {
  readonly namespace: string;
  readonly name: string;
  readonly keyHeldBy: 'Service' | 'Pod' | 'Reader';
  /** Exact names in the binding's own namespace. */
  readonly serviceAccountNames: readonly string[];
  /** Whether the binding's pod selector selects this pod, which is alive; true for each live pod where there is no selector. */
  readonly selectsPod: (podUid: string) => boolean;
  readonly secrets: readonly LiveSecret[];
  readonly writers: {
    readonly serviceAccounts: readonly ServiceAccountWriter[];
    readonly identities: readonly IdentityWriter[];
  };
  /** What its agents are told about files and conduct; no right rests on it. Default: nothing. */
  readonly delivery?: BindingDelivery;
}

export interface LiveSecret {
  readonly name: string;
  readonly opens: 'Unlimited' | 'Once';
  /** How long a version that nobody opens lasts. Default a day, of what opens once. */
  readonly ttlSeconds?: number;
}

/** Names of secrets, or `*` for all of the binding. */
type WritableSecrets = readonly string[];

export interface ServiceAccountWriter {
  readonly namespace: string;
  readonly name: string;
  readonly secrets: WritableSecrets;
  /** `Token`: may do without an agent. */
  readonly factor: 'Sidecar' | 'Token';
}

export interface IdentityWriter {
  /** Identity id. */
  readonly thumbprint: string;
  readonly secrets: WritableSecrets;
  /** Seconds; the first in which it may not write any more. */
  readonly notAfter?: number;
}

/** What writers are told of the secrets that open once. */
export function onceSecretsOf({ secrets }: Pick<LiveBinding, 'secrets'>): readonly OnceSecret[] {
  return secrets.flatMap(({ name, opens, ttlSeconds = lifetimes.onceDefault }) =>
    opens === 'Once' ? [{ name, ttl: Math.min(ttlSeconds, lifetimes.onceMaximum) }] : [],
  );
}

/** The entry by which an identity may write something of a binding now. */
export function identityWriterOf(binding: LiveBinding, id: string, nowSeconds: number): IdentityWriter | undefined {
  return binding.writers.identities.find(
    ({ thumbprint, notAfter }) => thumbprint === id && (notAfter === undefined || nowSeconds < notAfter),
  );
}
