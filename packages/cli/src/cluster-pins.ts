/**
 * Pins of clusters, by installation: the same at each of its addresses.
 * It must never replace one by itself.
 * @module
 */
import type { Context } from './context.ts';
import type { Row } from './output.ts';
import type { ClusterPin } from './state/cluster-pin.ts';

/** The cluster that is pinned for an installation, at whichever of its addresses. */
export function knownCluster(context: Context, fingerprint: string): ClusterPin | undefined {
  const known = Object.values(context.knownServers.all()).filter((server) => server.fingerprint === fingerprint);
  return known.flatMap(({ cluster }) => cluster ?? [])[0];
}

/** Keeps it at every known address of the installation. */
export function pinCluster(context: Context, fingerprint: string, cluster: ClusterPin): void {
  for (const [origin, server] of Object.entries(context.knownServers.all())) {
    if (server.fingerprint === fingerprint) context.knownServers.put(origin, { ...server, cluster });
  }
}

/** It for a person. */
export function clusterRows({
  issuer,
  keys,
  namespace,
  serviceAccount,
  images,
  isReachable,
}: ClusterPin): readonly Row[] {
  return [
    ['cluster', issuer],
    ...keys.map(({ kid = '' }) => ['signing key', kid] as const),
    ['runs as', `${namespace}/${serviceAccount}`],
    ...(images.length === 0
      ? [['image', 'none is pinned: not compared at an unseal'] as const]
      : images.map((image) => ['image', image] as const)),
    ['at an unseal', isReachable ? 'the token, the pod, its image and its log' : 'the token alone'],
  ];
}
