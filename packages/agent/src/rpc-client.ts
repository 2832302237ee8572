/**
 * Calls of `letterlock.v1.Agent`: mutual TLS with the workload certificate, a proof by the same key, a nonce from the last answer.
 * It must never call a server whose certificate no authority of the bundle has signed, nor repeat a call that may have acted.
 * @module
 */
import { createSecureContext } from 'node:tls';
import { ChannelCredentials, Client, Metadata, status, type CallOptions, type ServiceError } from '@grpc/grpc-js';
import { createProof, hash43, type SigningKey } from '@letterlock/crypto';
import {
  decodeDocument,
  decodeEvent,
  decodeStatusDetails,
  encodeDocument,
  framingBytes,
  headerNames,
  limits,
  ProblemError,
  problems,
  type ProblemCode,
  type ProblemMembers,
  type WatchEvent,
} from '@letterlock/protocol';

export type AgentMethod = 'Renew' | 'Open' | 'Ack' | 'Read' | 'Write';

export interface RpcClientOptions {
  /** `host:port` */
  readonly target: string;
  readonly trustDomain: string;
  /** Signs proofs, and is the key of the certificate. */
  readonly key: SigningKey;
  /** PEM, leaf first. */
  readonly certificates: readonly string[];
  /** PEM of those that the server's certificate must come from. */
  readonly authorities: readonly string[];
  readonly nowSeconds: () => number;
}

export interface RpcReply {
  readonly body: Uint8Array;
  /** Nonce of the proof that was accepted, to which a signed answer is bound. */
  readonly nonce: string;
}

export interface RpcCallOptions {
  readonly signal: AbortSignal;
  /** Second factor of a write. */
  readonly writerToken?: string;
  /** Default 10 000. */
  readonly timeoutMilliseconds?: number;
}

const callMilliseconds = 10_000;
/** As long as a call may take: a write first asks elsewhere for the key of its binding. */
const graceMilliseconds = 30_000;
const nonceAttempts = 3;
const noncesKept = 4;
const detailsKey = 'grpc-status-details-bin';
const proofKey = 'letterlock-proof';
const servicePath = '/letterlock.v1.Agent/';

const channelOptions = {
  'grpc.max_receive_message_length': limits.agentMessageBytes + framingBytes,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 5000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
} as const;

export class RpcClient {
  readonly #o: RpcClientOptions;
  readonly #client: Client;
  readonly #watches = new Set<{ cancel(): void }>();
  #nonces: string[] = [];
  #closing: NodeJS.Timeout | undefined;

  constructor(options: RpcClientOptions) {
    this.#o = options;
    const context = createSecureContext({
      ca: [...options.authorities],
      cert: options.certificates.join(''),
      key: options.key.keyObject.export({ format: 'pem', type: 'pkcs8' }),
      minVersion: 'TLSv1.3',
    });
    const credentials = ChannelCredentials.createFromSecureContext(context);
    this.#client = new Client(`dns:${options.target}`, credentials, channelOptions);
  }

  /** One call. @param body - made anew for each attempt; only one with a bad nonce is repeated. @throws ProblemError, 'unavailable' for what never came back */
  async call(method: AgentMethod, body: () => string | Promise<string>, o: RpcCallOptions): Promise<RpcReply> {
    for (let attempt = 1; ; attempt += 1) {
      const bytes = Buffer.from(await body());
      const nonce = this.#nonces.pop();
      try {
        const message = await this.#unary(method, bytes, { ...o, nonce });
        return { body: decodeDocument(message), nonce: nonce ?? '' };
      } catch (error) {
        const isNonceRefused = error instanceof ProblemError && error.code === 'bad_nonce';
        if (!isNonceRefused || attempt >= nonceAttempts) throw error;
      }
    }
  }

  /** Follows the pod's secrets until the stream ends, which it does from time to time. @throws ProblemError */
  async watch(onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void> {
    const body = Buffer.from('{}');
    for (let attempt = 1; ; attempt += 1) {
      const nonce = this.#nonces.pop();
      try {
        await this.#stream(body, nonce, onEvent, signal);
        return;
      } catch (error) {
        const isNonceRefused = error instanceof ProblemError && error.code === 'bad_nonce';
        if (!isNonceRefused || attempt >= nonceAttempts) throw error;
      }
    }
  }

  /** Ends what it follows, and closes once calls that are about to be made have had their time. */
  retire(): void {
    // The library leaves open streams alone: news would go on to come on a connection that can no longer be asked.
    for (const watch of this.#watches) watch.cancel();
    this.#closing ??= setTimeout(() => this.#client.close(), graceMilliseconds);
    this.#closing.unref();
  }

  /** At once. */
  close(): void {
    this.retire();
    clearTimeout(this.#closing);
    this.#client.close();
  }

  #unary(
    method: AgentMethod,
    body: Buffer,
    {
      nonce,
      signal,
      writerToken,
      timeoutMilliseconds = callMilliseconds,
    }: RpcCallOptions & { nonce: string | undefined },
  ): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const options: CallOptions = { deadline: new Date(Date.now() + timeoutMilliseconds) };
    const metadata = this.#metadata(method, body, nonce, writerToken);
    const done = (error: ServiceError | null, response?: Buffer): void => {
      if (error !== null) reject(problemOf(error));
      else if (response === undefined) reject(new ProblemError('unavailable', { reason: 'no_answer' }));
      else resolve(response);
    };
    const call = this.#client.makeUnaryRequest(
      `${servicePath}${method}`,
      (bytes: Buffer) => Buffer.from(encodeDocument(bytes)),
      (bytes: Buffer) => bytes,
      body,
      metadata,
      options,
      done,
    );
    call.on('status', ({ metadata: trailer }) => this.#keepNonce(trailer));
    const cancel = (): void => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    return promise.finally(() => {
      this.#watches.delete(call);
      signal.removeEventListener('abort', cancel);
    });
  }

  #stream(
    body: Buffer,
    nonce: string | undefined,
    onEvent: (event: WatchEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const call = this.#client.makeServerStreamRequest(
      `${servicePath}Watch`,
      (bytes: Buffer) => Buffer.from(encodeDocument(bytes)),
      (bytes: Buffer) => decodeEvent(bytes),
      body,
      this.#metadata('Watch', body, nonce, undefined),
    );
    this.#watches.add(call);
    call.on('data', onEvent);
    call.on('error', (error: ServiceError) => {
      this.#keepNonce(error.metadata);
      reject(problemOf(error));
    });
    call.on('end', resolve);
    call.on('status', ({ metadata: trailer }) => this.#keepNonce(trailer));
    const cancel = (): void => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    return promise.finally(() => signal.removeEventListener('abort', cancel));
  }

  /** Without a nonce there can be no proof: the answer brings the first one. */
  #metadata(
    method: AgentMethod | 'Watch',
    body: Buffer,
    nonce: string | undefined,
    writerToken: string | undefined,
  ): Metadata {
    const metadata = new Metadata();
    if (nonce === undefined) return metadata;
    const { key, trustDomain, nowSeconds } = this.#o;
    const proof = createProof({
      key,
      method: 'POST',
      target: `grpc://${trustDomain}${servicePath}${method}`,
      bodyHash: hash43(body),
      nonce,
      iat: nowSeconds(),
      ...(writerToken === undefined ? {} : { writerTokenHash: hash43(writerToken) }),
    });
    metadata.set(proofKey, proof);
    if (writerToken !== undefined) metadata.set(headerNames.writerToken, writerToken);
    return metadata;
  }

  #keepNonce(trailer: Metadata | undefined): void {
    const [nonce] = trailer?.get(headerNames.replayNonce) ?? [];
    if (typeof nonce !== 'string' || this.#nonces.includes(nonce)) return;
    this.#nonces = [...this.#nonces, nonce].slice(-noncesKept);
  }
}

/** The problem of a status; `unavailable` with the status as reason for one that names none. */
function problemOf(error: ServiceError): ProblemError {
  const [details] = error.metadata?.get(detailsKey) ?? [];
  const decoded = Buffer.isBuffer(details) ? decodeStatusDetails(details) : undefined;
  if (decoded === undefined || !Object.hasOwn(problems, decoded.reason)) {
    const reason = `grpc_${(status[error.code] ?? 'unknown').toLowerCase()}`;
    return new ProblemError('unavailable', { reason, cause: error });
  }
  const { detail } = decoded.metadata;
  return new ProblemError(decoded.reason as ProblemCode, {
    reason: 'refused',
    ...(detail === undefined ? {} : { detail }),
    members: membersOf(decoded.metadata),
  });
}

const states = /^[A-Z]{1,16}$/;
const thumbprint = /^[A-Za-z0-9_-]{43}$/;

/** Members of a problem, which may end in a log; what has not their form is left out. */
function membersOf({ ver, at, st, kid, rcpt }: Readonly<Record<string, string>>): ProblemMembers {
  const whole = (text: string | undefined): number | undefined =>
    text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  const [version, time] = [whole(ver), whole(at)];
  return {
    ...(version === undefined ? {} : { ver: version }),
    ...(time === undefined ? {} : { at: time }),
    ...(st !== undefined && states.test(st) ? { st } : {}),
    ...(kid !== undefined && thumbprint.test(kid) ? { kid } : {}),
    ...(rcpt === undefined ? {} : { rcpt }),
  };
}
