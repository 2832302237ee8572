/**
 * The pin of a Kubernetes cluster: who signs tokens there, where the service runs, and which of its images are right.
 * It must never hold a private key, nor be taken for a pin when a member is missing.
 * @module
 */

export interface ClusterPin {
  readonly issuer: string;
  /** Public JWKs with `kid`. */
  readonly keys: readonly Readonly<Record<string, string>>[];
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Digests of server images, `sha256:…`; none: images are not compared. */
  readonly images: readonly string[];
  /** Whether this user can ask the cluster itself, with kubectl. */
  readonly isReachable: boolean;
  /** As kubectl was told, when it was pinned. */
  readonly kubeconfig?: string;
  readonly context?: string;
  /** Seconds. */
  readonly pinnedAt: number;
}

const digest = /^sha256:[0-9a-f]{64}$/;

export function isClusterPin(value: unknown): value is ClusterPin {
  const pin = value as Partial<Record<keyof ClusterPin, unknown>> | null;
  return (
    typeof pin === 'object' &&
    pin !== null &&
    [pin.issuer, pin.namespace, pin.serviceAccount].every((text) => typeof text === 'string') &&
    [pin.kubeconfig, pin.context].every((text) => text === undefined || typeof text === 'string') &&
    Array.isArray(pin.keys) &&
    pin.keys.length > 0 &&
    pin.keys.every((key) => typeof key === 'object' && key !== null) &&
    Array.isArray(pin.images) &&
    pin.images.every((image) => typeof image === 'string' && digest.test(image)) &&
    typeof pin.isReachable === 'boolean' &&
    typeof pin.pinnedAt === 'number'
  );
}
