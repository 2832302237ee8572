/**
 * What a cluster says about itself and about the service in it, over its API server's own TLS.
 * It must never take what a server pod says for what the cluster says.
 * @module
 */
import { CommandError } from '../exit-status.ts';
import { readPath, type Kubectl } from './kubectl.ts';
import { findInstallation, serverImageOf, serverPods } from './objects.ts';

export interface ClusterIssuer {
  readonly issuer: string;
  /** A JWK Set, as it came. */
  readonly jwks: unknown;
}

export interface ClusterFacts extends ClusterIssuer {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Digests of the images that the server's pods run now. */
  readonly images: readonly string[];
}

/** Who signs tokens. @throws CommandError */
export async function readIssuer(kubectl: Kubectl): Promise<ClusterIssuer> {
  const found = await readPath(kubectl, '/.well-known/openid-configuration');
  const { issuer } = (found ?? {}) as { readonly issuer?: unknown };
  if (typeof issuer === 'string') return { issuer, jwks: await readPath(kubectl, '/openid/v1/jwks') };
  throw new CommandError('unavailable', 'Cannot read who signs tokens in the cluster', 'see its OpenID configuration');
}

/** Everything that is pinned of a cluster. @throws CommandError, also when there is no installation in it */
export async function readCluster(kubectl: Kubectl): Promise<ClusterFacts> {
  const installation = await findInstallation(kubectl);
  const { metadata, spec } = installation;
  const pods = await serverPods(kubectl, installation);
  return {
    ...(await readIssuer(kubectl)),
    namespace: metadata.namespace ?? '',
    serviceAccount: spec.template.spec.serviceAccountName ?? 'default',
    images: [...new Set(pods.flatMap((pod) => serverImageOf(pod) ?? []))].toSorted(),
  };
}
