/**
 * ServiceAccount tokens of a Kubernetes cluster: reads the cluster's signing keys, and what one of them has signed.
 * It must never take the algorithm from a token: the key has one, and RSA keys of clusters sign with RS256 alone.
 * @module
 */
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { decodeIfCanonical, limits, ProblemError } from '@letterlock/protocol';

/** A key that a cluster signs tokens with. */
export interface ClusterKey {
  /** As the cluster names it. */
  readonly kid: string;
  readonly algorithm: keyof typeof digests;
  readonly keyObject: KeyObject;
  /** Public members alone, to be kept. */
  readonly jwk: Readonly<Record<string, string>>;
}

/** What a token says, as JSON; by which key it is signed. */
export interface ClusterToken {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly kid: string;
}

const digests = { RS256: 'sha256', ES256: 'sha256', ES384: 'sha384', ES512: 'sha512' } as const;
/** The algorithm of each kind of key. @source RFC 7518 §3.3, §3.4 */
const algorithms: Readonly<Record<string, ClusterKey['algorithm']>> = {
  RSA: 'RS256',
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
};
const members = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const;
const leastModulusBits = 2048;
const mostKeys = 32;

/** The keys of a JWK Set that sign tokens; keys of other kinds are left out. @throws 'bad_key' where none is left */
export function readClusterKeys(jwks: unknown): readonly ClusterKey[] {
  const { keys } = fields(jwks);
  const found = Array.isArray(keys) && keys.length <= mostKeys ? keys.flatMap((each) => readKey(each) ?? []) : [];
  if (found.length > 0) return found;
  throw new ProblemError('bad_key', { reason: 'cluster_keys', detail: 'No key of the set signs tokens of a cluster' });
}

/** Reads a token that one of the keys has signed; what it says is the caller's to judge. @throws 'bad_encoding', 'bad_proof' */
export function openClusterToken(token: string, keys: readonly ClusterKey[]): ClusterToken {
  const parts = token.length > limits.attestationBytes ? [] : token.split('.');
  const [header, payload, signature] = parts.map((part) => decodeIfCanonical(part));
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) throw malformed();
  const { alg, kid, typ, ...others } = parse(header);
  if (Object.keys(others).length > 0 || (typ !== undefined && typ !== 'JWT')) throw malformed();
  const key = keys.find((each) => each.kid === kid && each.algorithm === alg);
  if (key === undefined) throw new ProblemError('bad_proof', { reason: 'cluster_key_unknown' });
  const signed = Buffer.from(token.slice(0, token.lastIndexOf('.')), 'latin1');
  const input = { key: key.keyObject, dsaEncoding: 'ieee-p1363' } as const;
  if (!verify(digests[key.algorithm], signed, input, signature)) {
    throw new ProblemError('bad_proof', { reason: 'signature_invalid' });
  }
  return { claims: parse(payload), kid: key.kid };
}

function readKey(value: unknown): ClusterKey | undefined {
  const all = fields(value);
  const { kid, kty, crv, use, alg } = all;
  const algorithm = algorithms[String(kty === 'EC' ? crv : kty)];
  if (typeof kid !== 'string' || kid === '' || kid.length > 256 || algorithm === undefined) return undefined;
  if ((use !== undefined && use !== 'sig') || (alg !== undefined && alg !== algorithm)) return undefined;
  // A private key that somebody has put into a set must not be kept.
  const jwk = Object.fromEntries(
    members.flatMap((name) => (typeof all[name] === 'string' ? [[name, all[name]] as const] : [])),
  );
  try {
    const keyObject = createPublicKey({ key: jwk, format: 'jwk' });
    if (kty === 'RSA' && (keyObject.asymmetricKeyDetails?.modulusLength ?? 0) < leastModulusBits) return undefined;
    return { kid, algorithm, keyObject, jwk: { ...jwk, kid } };
  } catch {
    return undefined;
  }
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return fields(value);
  } catch {
    // Said below.
  }
  throw malformed();
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function malformed(): ProblemError {
  return new ProblemError('bad_encoding', { reason: 'cluster_token_form', detail: 'This is no token of a cluster' });
}
