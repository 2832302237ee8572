/**
 * What a Kubernetes cluster says about the keys of a process (protocol.md §8.1), as an admin checks it before a share leaves.
 * It must never decide whether that pod is the right one: its image and its log are looked at by who can see the cluster.
 * @module
 */
import { openClusterToken, type ClusterKey, type ClusterToken } from '@letterlock/crypto';
import { audiencePrefixes, isProblemError, lifetimes } from '@letterlock/protocol';
import { TrustError } from './errors.ts';
import type { Boot } from './unseal.ts';

/** The cluster that a person has pinned. */
export interface TrustedCluster {
  readonly issuer: string;
  readonly keys: readonly ClusterKey[];
  /** Where the service runs, and as whom. */
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** The pod whose process has these boot keys, in the cluster's words. */
export interface AttestedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Absent where the cluster does not put it into tokens. */
  readonly node?: string;
  /** Of the key that signed the token. */
  readonly kid: string;
  /** Seconds. */
  readonly expiresAt: number;
}

/**
 * Verifies the token of a process whose `boot` was computed from the keys of its connection.
 * @throws TrustError 'attestation_invalid'
 */
export function readClusterToken(
  token: string,
  { boot, trustDomain }: Boot,
  cluster: TrustedCluster,
  nowSeconds: number,
): AttestedPod {
  const { claims, kid } = open(token, cluster.keys);
  const audience = `${audiencePrefixes.boot}${trustDomain}:${boot}`;
  const expected: Expected = { cluster, audience, nowSeconds };
  const violation = violations.find(({ isFound }) => isFound(claims, expected));
  if (violation !== undefined) throw invalid(violation.says);
  const { namespace } = cluster;
  const { name, uid } = podOf(claims)!;
  const node = text(fields(inCluster(claims)['node'])['name']);
  return { namespace, name, uid, ...(node === undefined ? {} : { node }), kid, expiresAt: claims['exp'] as number };
}

interface Expected {
  readonly cluster: TrustedCluster;
  readonly audience: string;
  readonly nowSeconds: number;
}
type Fields = Readonly<Record<string, unknown>>;
const notNow = 'it is not valid now, by the local clock';

/** Every way in which a token by the right key can be the wrong one. */
const violations: readonly {
  readonly says: string;
  readonly isFound: (claims: Fields, expected: Expected) => boolean;
}[] = [
  { says: 'it is of another issuer', isFound: ({ iss }, { cluster }) => iss !== cluster.issuer },
  {
    says: 'it is about another process, or for something else',
    // One that is good for something else too could have been made for that.
    isFound: ({ aud }, { audience }) => !Array.isArray(aud) || aud.length !== 1 || aud[0] !== audience,
  },
  {
    says: 'it is of another ServiceAccount',
    isFound: ({ sub }, { cluster: { namespace, serviceAccount } }) =>
      sub !== `system:serviceaccount:${namespace}:${serviceAccount}`,
  },
  { says: 'it is not bound to a pod', isFound: (claims) => podOf(claims) === undefined },
  { says: notNow, isFound: ({ exp }, { nowSeconds }) => !(typeof exp === 'number' && exp > nowSeconds) },
  {
    says: notNow,
    isFound: ({ nbf }, { nowSeconds }) => !(typeof nbf === 'number' && nbf <= nowSeconds + lifetimes.issuedAtSkew),
  },
];

function podOf(claims: Fields): { readonly name: string; readonly uid: string } | undefined {
  const pod = fields(inCluster(claims)['pod']);
  const [name, uid] = [text(pod['name']), text(pod['uid'])];
  return name === undefined || uid === undefined ? undefined : { name, uid };
}

function inCluster(claims: Fields): Fields {
  return fields(claims['kubernetes.io']);
}

/** A name in the form that Kubernetes gives to names. */
function text(value: unknown): string | undefined {
  return typeof value === 'string' && /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(value) ? value : undefined;
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function open(token: string, keys: readonly ClusterKey[]): ClusterToken {
  try {
    return openClusterToken(token, keys);
  } catch (cause) {
    if (!isProblemError(cause)) throw cause;
    throw invalid(messages[cause.reason ?? ''] ?? 'it is no token of a cluster', cause);
  }
}

const messages: Readonly<Record<string, string>> = {
  cluster_key_unknown: 'no known key of the cluster has signed it',
  signature_invalid: 'its signature is not by the key that it names',
};

function invalid(why: string, cause?: unknown): TrustError {
  return new TrustError('attestation_invalid', `Cannot accept the attestation of the process: ${why}`, { cause });
}
