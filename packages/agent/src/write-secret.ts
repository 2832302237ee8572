/**
 * Writes a secret for the application: encrypts to the binding's key, which the instance key has signed, and sends the envelope
 * with both factors. It must never let a value leave the pod in clear, nor take a key from anywhere but that statement.
 * @module
 */
import type { Identity } from '@letterlock/client';
import {
  encodeContent,
  encodeSecretMap,
  SecretBytes,
  sealEnvelope,
  secretMapType,
  verifyReceipt,
  type SealingKey,
} from '@letterlock/crypto';
import {
  canonicalize,
  isProblemError,
  ProblemError,
  readClaims,
  receiptResponse,
  type OnceSecret,
} from '@letterlock/protocol';
import type { SecretValues } from './files/secret-values.ts';
import type { Link } from './membership.ts';
import { secretPathOf } from './read-secret.ts';

/** What a writer must know of a binding, verified. */
export interface BindingKey {
  readonly key: SealingKey;
  /** `spiffe://…` of every ServiceAccount that receives. */
  readonly recipients: readonly string[];
  /** Secrets that are written as wraps. */
  readonly once: readonly OnceSecret[];
}
export interface BindingName {
  readonly namespace: string;
  readonly binding: string;
}
export interface BindingKeySource {
  /** @throws 'not_found', ConnectionError, TrustError, 'bad_proof' */
  bindingKey(trust: Link['trust'], binding: BindingName, signal: AbortSignal): Promise<BindingKey>;
}

export interface WriteRequest extends BindingName {
  readonly secret: string;
  readonly values: SecretValues;
  readonly writerToken: string;
  /** The latest version as far as it is known. */
  readonly latest: number;
}
export interface Written {
  /** 1 of a secret that opens once. */
  readonly version: number;
  /** `letterlock-rcpt+jws`, verified. */
  readonly receipt: string;
}

/** Time for the pod that opens to acknowledge, also over a replica that goes away in the middle. */
const onceWindowSeconds = 300;
/** The first may learn the latest version from its refusal. */
const attemptsLimit = 2;

/** @throws 'denied', 'conflict' if somebody else wrote at the same time, 'not_found', 'unavailable', RangeError for the values */
export async function writeSecret(
  request: WriteRequest,
  o: {
    readonly link: Link;
    readonly identity: Identity;
    readonly keys: BindingKeySource;
    readonly nowSeconds: () => number;
    readonly signal: AbortSignal;
  },
): Promise<Written> {
  const { link, keys, signal } = o;
  const { key, recipients, once } = await keys.bindingKey(link.trust, request, signal);
  const opensOnce = once.find(({ name }) => name === request.secret);
  using map = encodeSecretMap(request.values);
  using content = SecretBytes.take(encodeContent({ type: secretMapType }, map.expose()));
  const parts = { ...o, request, key, recipients, content };
  if (opensOnce !== undefined) return await store({ ...parts, version: 1, ttlSeconds: opensOnce.ttl });
  let version = request.latest + 1;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await store({ ...parts, version });
    } catch (error) {
      const latest = isProblemError(error) && error.code === 'conflict' ? error.members.ver : undefined;
      if (latest === undefined || latest < version || attempt >= attemptsLimit) throw error;
      version = latest + 1;
    }
  }
}

async function store(o: {
  readonly link: Link;
  readonly identity: Identity;
  readonly nowSeconds: () => number;
  readonly signal: AbortSignal;
  readonly request: WriteRequest;
  readonly key: SealingKey;
  readonly recipients: readonly string[];
  readonly content: SecretBytes;
  readonly version: number;
  /** Only of what opens once. */
  readonly ttlSeconds?: number;
}): Promise<Written> {
  const { link, request, version, ttlSeconds } = o;
  const { namespace, binding, secret, writerToken } = request;
  const iat = o.nowSeconds();
  const { envelope, header, eh } = await sealEnvelope({
    header: {
      ...(ttlSeconds === undefined ? { kind: 'kv' } : { kind: 'once', exp: iat + ttlSeconds, win: onceWindowSeconds }),
      mode: 'svc',
      path: secretPathOf(namespace, { binding, secret }),
      ver: version,
      iat,
      rcp: o.recipients,
      bnd: `${namespace}/${binding}`,
    },
    content: o.content,
    recipients: [o.key],
    writer: o.identity.signingKey,
  });
  const body = canonicalize(envelope);
  const reply = await link.rpc.call('Write', () => body, { signal: o.signal, writerToken });
  const { rcpt } = readClaims(receiptResponse, reply.body);
  const claims = verifyReceipt(rcpt, link.trust.instanceKey, { id: header.id, eh, nonce: reply.nonce });
  if (claims.st !== 'STORED') throw new ProblemError('internal', { reason: 'receipt_state' });
  return { version, receipt: rcpt };
}
