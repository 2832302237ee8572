/**
 * A cluster's signing key for tests, and tokens by it as an API server makes them.
 * It must never be used outside tests.
 * @module
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { serverPodObject } from './fake-cluster.ts';

export const issuer = 'https://kubernetes.default.svc.cluster.local';

export interface ClusterSigner {
  /** Public half, as the cluster publishes it. */
  readonly jwk: Readonly<Record<string, string>>;
  /** Paths of the API server that say who signs. */
  readonly documents: Readonly<Record<string, unknown>>;
  /** A token of the pod `letterlock-server-0` of the fake cluster. */
  tokenOf(o: { readonly audience: string; readonly nowSeconds: number; readonly issuer?: string }): string;
}

export function clusterSigner(kid: string): ClusterSigner {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...(publicKey.export({ format: 'jwk' }) as Record<string, string>), kid };
  return {
    jwk,
    documents: {
      '/.well-known/openid-configuration': { issuer },
      '/openid/v1/jwks': { keys: [{ ...jwk, use: 'sig', alg: 'ES256' }] },
    },
    tokenOf: ({ audience, nowSeconds, issuer: iss = issuer }) => {
      const { name, uid } = serverPodObject('letterlock-server-0').metadata;
      const claims = {
        aud: [audience],
        exp: nowSeconds + 3600,
        iat: nowSeconds,
        iss,
        'kubernetes.io': { namespace: 'll', node: { name: 'node-1' }, pod: { name, uid } },
        nbf: nowSeconds,
        sub: 'system:serviceaccount:ll:letterlock-server',
      };
      const input = [{ alg: 'ES256', kid }, claims]
        .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'))
        .join('.');
      const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${input}.${signature.toString('base64url')}`;
    },
  };
}
