/**
 * One TLS 1.3 connection to the service and HTTP/1.1 upon it, one request at a time.
 * It must never send a proof: it moves bytes, and who may see them is decided above it.
 * @module
 */
import { Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { verifyingKeyOf, type VerifyingKey } from '@letterlock/crypto';
import { channelBinding, headerNames, routes } from '@letterlock/protocol';
import { ConnectionError } from './errors.ts';
import { formatHost, type Replica } from './replicas.ts';
import type { ServerState, VerifiedServer } from './trust.ts';

/** Longest answer that is read, bytes: an envelope of the largest size and what goes around it. */
const answerLimitBytes = 2 * 1_048_576;

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ConnectOptions {
  /** Milliseconds from any origin, for the age of nonces. */
  readonly monotonic: () => number;
  readonly signal: AbortSignal;
  /** Limit until the handshake has ended, milliseconds. Default: that of the signal. */
  readonly dialMilliseconds?: number | undefined;
}

/** Dials and completes the handshake. Chain and name of the certificate are not checked: the pin is (protocol.md §4.7). @throws ConnectionError */
export async function connect(replica: Replica, options: ConnectOptions): Promise<Connection> {
  const { address } = replica;
  const { dialMilliseconds } = options;
  const signal =
    dialMilliseconds === undefined
      ? options.signal
      : AbortSignal.any([options.signal, AbortSignal.timeout(dialMilliseconds)]);
  const socket = tlsConnect({
    host: replica.host,
    port: replica.port,
    ...(isIP(address.host) === 0 ? { servername: address.host } : {}),
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: false,
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: unknown): void => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      reject(new ConnectionError('connect_failed', `Cannot connect to ${describe(replica)}`, 'not_sent', cause));
    };
    const abort = (): void => fail(signal.reason);
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('The connection was closed during the handshake')));
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', abort);
      socket.removeAllListeners('close');
      socket.removeListener('error', fail);
      resolve();
    });
  });
  return new Connection(socket, replica, options.monotonic);
}

/** A connection with its nonce, its channel binding and, once checked, the server behind it. */
export class Connection {
  readonly replica: Replica;
  /** RFC 7638 thumbprint of the key that the server proved in the handshake. */
  readonly tlsThumbprint: string;
  /** `tls-exporter` value, base64url. @source RFC 9266 */
  readonly channelBinding: string;
  /** PEM of the certificates that the server sent, leaf first. */
  readonly certificates: readonly string[];
  /** Set once the signed state was verified on this connection. */
  server: VerifiedServer | undefined;
  /** The instance key that the server names and that the pin admits; unproven unless `server` is set. */
  instanceKey: VerifyingKey | undefined;
  /** The state with which the connection began, until the next request. */
  firstState: ServerState | undefined;
  /** `Date` of the last answer. */
  date: string | undefined;
  readonly #socket: TLSSocket;
  readonly #agent: Agent;
  readonly #monotonic: () => number;
  #nonce: { readonly value: string; readonly atMilliseconds: number } | undefined;
  #isUsable = true;

  constructor(socket: TLSSocket, replica: Replica, monotonic: () => number) {
    this.#monotonic = monotonic;
    this.#socket = socket;
    this.replica = replica;
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) {
      socket.destroy();
      throw new ConnectionError(
        'connect_failed',
        'Cannot use the connection: the server has no certificate',
        'not_sent',
      );
    }
    try {
      this.tlsThumbprint = verifyingKeyOf(certificate.publicKey).thumbprint;
    } catch (cause) {
      socket.destroy();
      throw new ConnectionError('connect_failed', 'Cannot use the TLS key of the server', 'not_sent', cause);
    }
    this.certificates = chainOf(certificate);
    this.channelBinding = socket
      .exportKeyingMaterial(channelBinding.lengthBytes, channelBinding.label, Buffer.alloc(0))
      .toString('base64url');
    socket.on('error', () => this.close());
    socket.once('close', () => this.close());
    this.#agent = singleSocketAgent(socket);
  }

  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** Sends one request and reads its whole answer. @throws ConnectionError with outcome `unknown` */
  async request(request: RawRequest, signal: AbortSignal): Promise<RawAnswer> {
    this.firstState = undefined;
    try {
      signal.throwIfAborted();
      const answer = await this.#exchange(request, signal);
      this.date = answer.headers.date ?? this.date;
      this.#keepNonce(answer.headers[headerNames.replayNonce]);
      if (answer.headers.connection === 'close') this.close();
      return answer;
    } catch (cause) {
      this.close();
      if (cause instanceof ConnectionError) throw cause;
      throw new ConnectionError(
        'connection_lost',
        'The connection ended before the answer was complete',
        'unknown',
        cause,
      );
    }
  }

  /**
   * The nonce for the next proof: that of the last answer if it is young enough, else a fresh one.
   * A call that must not be repeated asks for a very young one, which also shows that the connection still lives.
   * @throws ConnectionError with outcome `not_sent`
   */
  async takeNonce(maximumAgeMilliseconds: number, signal: AbortSignal): Promise<string> {
    const kept = this.#nonce;
    this.#nonce = undefined;
    if (kept !== undefined && this.#monotonic() - kept.atMilliseconds <= maximumAgeMilliseconds) return kept.value;
    // Not HEAD: Node's client ends a connection whose answer to HEAD has no Content-Length.
    await this.prepare(routes.state, signal);
    const fresh = this.#nonce as { readonly value: string } | undefined;
    this.#nonce = undefined;
    if (fresh === undefined) {
      throw new ConnectionError('bad_answer', 'The server gave no nonce', 'not_sent');
    }
    return fresh.value;
  }

  /** A request without effect that comes before the real one. @throws ConnectionError with outcome `not_sent` */
  async prepare(route: { readonly method: string; readonly path: string }, signal: AbortSignal): Promise<RawAnswer> {
    try {
      return await this.request({ method: route.method, path: route.path }, signal);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      throw new ConnectionError(error.code, error.message, 'not_sent', error.cause);
    }
  }

  close(): void {
    if (!this.#isUsable) return;
    this.#isUsable = false;
    this.#agent.destroy();
    this.#socket.destroy();
  }

  #keepNonce(header: string | string[] | undefined): void {
    if (typeof header !== 'string' || !/^[A-Za-z0-9_-]{54}$/.test(header)) return;
    this.#nonce = { value: header, atMilliseconds: this.#monotonic() };
  }

  #exchange(request: RawRequest, signal: AbortSignal): Promise<RawAnswer> {
    const body = request.body === undefined ? undefined : Buffer.from(request.body, 'utf8');
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest({
        agent: this.#agent,
        method: request.method,
        path: request.path,
        setDefaultHeaders: false,
        headers: {
          host: this.replica.address.authority,
          ...request.headers,
          ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(body.length) }),
        },
        signal,
      });
      outgoing.once('error', reject);
      outgoing.once('response', (incoming) => {
        readAnswer(incoming).then(resolve, (error: unknown) => {
          outgoing.destroy();
          reject(error);
        });
      });
      outgoing.end(body);
    });
  }
}

/** The origin, and where it was dialled if that says more. */
function describe({ address, host, port }: Replica): string {
  const dialled = formatHost(host, port);
  return dialled === formatHost(address.host, address.port) ? address.origin : `${address.origin} at ${dialled}`;
}

/** An agent that has this one socket and can never make another: a second connection would have another binding. */
function singleSocketAgent(socket: TLSSocket): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let isTaken = false;
  const createConnection: Agent['createConnection'] = (_options, done) => {
    if (isTaken) {
      done?.(new Error('The connection has ended'), undefined as never);
      return undefined;
    }
    isTaken = true;
    return socket;
  };
  agent.createConnection = createConnection;
  return agent;
}

async function readAnswer(incoming: IncomingMessage): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    lengthBytes += chunk.length;
    if (lengthBytes > answerLimitBytes) {
      throw new ConnectionError('bad_answer', `The answer is longer than ${answerLimitBytes} bytes`, 'unknown');
    }
    chunks.push(chunk);
  }
  if (!incoming.complete) throw new Error('The answer was cut off');
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) };
}

function chainOf(leaf: NonNullable<ReturnType<TLSSocket['getPeerX509Certificate']>>): readonly string[] {
  const chain: string[] = [];
  for (
    let next: typeof leaf | undefined = leaf;
    next !== undefined && chain.length < 4;
    next = next.issuerCertificate
  ) {
    const pem = next.toString();
    if (chain.includes(pem)) break;
    chain.push(pem);
  }
  return chain;
}
