/**
 * One request of the protocol: a trusted connection, a nonce, a proof, an answer.
 * It must never send a proof to a server that was not admitted, nor decide by itself what is sent again.
 * @module
 */
import { createProof, hash43 } from '@letterlock/crypto';
import { headerNames, routePath, routes, type RouteName } from '@letterlock/protocol';
import type { Endpoint } from './address.ts';
import { refusalOf } from './answers.ts';
import { connect, type Connection, type RawAnswer } from './connection.ts';
import type { Deadline } from './deadline.ts';
import { ConnectionError, LetterlockError } from './errors.ts';
import type { Identity } from './identity.ts';
import { ConnectionPool } from './pool.ts';
import { Replicas, type Resolve } from './replicas.ts';
import { isConnectionError, isRepeatable, Retries, timeout, type Attempting } from './retries.ts';
import { ServerClock } from './server-clock.ts';
import { noInstanceKey, readState, type ServerState, type ServerTrust, type VerifiedServer } from './trust.ts';

/** Something that a person should see and that stops nothing. */
export interface Warning {
  readonly code: 'state_expired' | 'wrap_expired_by_local_clock';
  readonly message: string;
}

export interface SessionOptions {
  readonly endpoints: readonly [Endpoint, ...Endpoint[]];
  readonly resolve: Resolve;
  /** Which of so many replicas that are equally good, from 0. */
  readonly pick: (count: number) => number;
  readonly trust: ServerTrust;
  readonly identity: Identity | undefined;
  readonly now: () => number;
  /** Milliseconds from any origin. */
  readonly monotonic: () => number;
  readonly onWarning: (warning: Warning) => void;
  readonly maximumConnections: number;
  readonly attempts: number;
  readonly attemptTimeoutMilliseconds: number;
  readonly retryDelayMilliseconds: number;
}

/** What the body may depend on. */
export interface Attempt {
  readonly nonce: string;
  readonly tlsThumbprint: string;
}

export interface RequestPlan<T> {
  readonly route: RouteName;
  readonly segments?: Readonly<Record<string, string>>;
  /** Canonical JSON, made anew for each attempt. */
  readonly body?: (attempt: Attempt) => string | Promise<string>;
  /** Awaited before each sending, with the hash of the body that will be sent. */
  readonly beforeSend?: (bodyHash: string) => void | Promise<void>;
  /** Reads a success; throws ConnectionError 'bad_answer'. */
  readonly read: (body: Buffer, status: number) => T;
}

export interface Reply<T> {
  readonly value: T;
  readonly nonce: string;
  readonly connection: Connection;
  /** The verified server; undefined only on routes that a sealed service serves. */
  readonly server: VerifiedServer | undefined;
}

/** A nonce lives 120 s; one that is nearly over is not worth a refusal. */
const nonceAgeMilliseconds = 100_000;
/** A request that must not be repeated goes only on a connection that was alive just now. */
const liveNonceAgeMilliseconds = 1000;
/** The requests of one client. */
export class Session {
  readonly clock: ServerClock;
  readonly identity: Identity | undefined;
  readonly trust: ServerTrust;
  readonly now: () => number;
  readonly warn: (warning: Warning) => void;
  readonly #options: SessionOptions;
  readonly #pool: ConnectionPool<Attempting>;
  readonly #retries: Retries;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.clock = new ServerClock(options.monotonic);
    this.identity = options.identity;
    this.trust = options.trust;
    this.now = options.now;
    this.warn = options.onWarning;
    this.#pool = new ConnectionPool((at) => this.#connect(at), options.maximumConnections);
    this.#retries = new Retries(new Replicas(options.endpoints, options), options);
  }

  /** That of the first endpoint. */
  get origin(): string {
    return this.#options.endpoints[0].address.origin;
  }

  /** The identity that signs. @throws TypeError if the client has none. */
  requireIdentity(): Identity {
    if (this.identity === undefined) throw new TypeError('Cannot call: the client has no identity');
    return this.identity;
  }

  /** One call: the request and the retries that are allowed. @throws LetterlockError, ConnectionError, TrustError, the caller's abort reason */
  call<T>(plan: RequestPlan<T>, deadline: Deadline): Promise<Reply<T>> {
    return this.#retries.run(plan.route, deadline, (at) => this.#attempt(plan, at));
  }

  /** The service's state, read anew. */
  async state(deadline: Deadline): Promise<ServerState> {
    return this.#retries.run('state', deadline, (at) =>
      this.#withConnection(at, async (connection) => {
        const first = connection.firstState;
        connection.firstState = undefined;
        return first ?? this.#readState(connection, at.signal);
      }),
    );
  }

  /** The server's time, seconds; connects first if nothing was heard yet. The local time if answers carry none. */
  async serverSeconds(deadline: Deadline): Promise<number> {
    if (this.clock.seconds === undefined) await this.state(deadline);
    return this.clock.seconds ?? this.now();
  }

  /** The verified server behind a connection. @throws LetterlockError 'sealed', 'uninitialised' */
  async server(deadline: Deadline): Promise<VerifiedServer> {
    return this.#retries.run('state', deadline, (at) =>
      this.#withConnection(at, (connection) => this.#requireServer(connection, at.signal)),
    );
  }

  close(): void {
    this.#pool.close();
  }

  async #attempt<T>(plan: RequestPlan<T>, at: Attempting): Promise<Reply<T>> {
    const route = routes[plan.route];
    const { signal } = at;
    return this.#withConnection(at, async (connection) => {
      const server = route.whileSealed ? connection.server : await this.#requireServer(connection, signal);
      const ageMilliseconds = isRepeatable(plan.route) ? nonceAgeMilliseconds : liveNonceAgeMilliseconds;
      const nonce = await connection.takeNonce(ageMilliseconds, signal);
      const body = await plan.body?.({ nonce, tlsThumbprint: connection.tlsThumbprint });
      const bodyHash = hash43(body ?? '');
      await plan.beforeSend?.(bodyHash);
      const path = routePath(plan.route, plan.segments);
      const needsProof = route.authentication.startsWith('proof');
      if (needsProof && connection.instanceKey === undefined) throw noInstanceKey();
      const headers = needsProof ? this.#proof(connection, { method: route.method, path, bodyHash, nonce }) : {};
      const answer = await connection.request(
        { method: route.method, path, headers, ...(body === undefined ? {} : { body }) },
        signal,
      );
      this.clock.observe(connection.date);
      if (!(route.success as readonly number[]).includes(answer.status)) {
        const wrapId = plan.segments?.['id'];
        // A version is named by path and number; its envelope's id is not known to who may not have it.
        const isReceiptExpected = wrapId !== undefined || plan.route === 'readSecret';
        throw refusalOf(answer, { server, wrapId, isReceiptExpected, nonce });
      }
      return { value: plan.read(answer.body, answer.status), nonce, connection, server };
    });
  }

  #proof(
    connection: Connection,
    request: { readonly method: string; readonly path: string; readonly bodyHash: string; readonly nonce: string },
  ): Readonly<Record<string, string>> {
    const proof = createProof({
      key: this.requireIdentity().signingKey,
      method: request.method,
      target: `${connection.replica.address.origin}${request.path}`,
      bodyHash: request.bodyHash,
      nonce: request.nonce,
      iat: this.clock.seconds ?? this.now(),
      channelBinding: connection.channelBinding,
    });
    return { [headerNames.authorization]: `${headerNames.scheme} ${proof}` };
  }

  async #withConnection<T>(at: Attempting, use: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.#acquire(at);
    try {
      return await use(connection);
    } finally {
      this.#pool.release(connection);
    }
  }

  async #acquire(at: Attempting): Promise<Connection> {
    try {
      return await this.#pool.acquire(at);
    } catch (error) {
      // Waiting for a free connection ended: nothing was sent.
      if (at.signal.aborted && !isConnectionError(error)) throw timeout('not_sent', error);
      throw error;
    }
  }

  /** A new connection: its first request is the state, and nothing else is sent before the server is admitted. */
  async #connect({ replica, signal, dialMilliseconds: limit }: Attempting): Promise<Connection> {
    const { monotonic } = this.#options;
    const connection = await connect(replica, { monotonic, signal, dialMilliseconds: limit });
    try {
      connection.firstState = await this.#readState(connection, signal);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async #readState(connection: Connection, signal: AbortSignal): Promise<ServerState> {
    const answer: RawAnswer = await connection.prepare(routes.state, signal);
    if (answer.status !== 200) {
      throw new ConnectionError('bad_answer', `The server answered ${answer.status} instead of its state`, 'not_sent');
    }
    const state = readState(answer.body, connection.tlsThumbprint, this.now());
    try {
      await this.trust.admit(state);
    } catch (error) {
      connection.close();
      throw error;
    }
    this.clock.observe(connection.date);
    connection.server = state.server;
    connection.instanceKey = state.instanceKey;
    if (state.secondsPastExpiry > 0) {
      this.warn({
        code: 'state_expired',
        message: `The state of the server ended ${state.secondsPastExpiry} s ago by the local clock; is the clock right?`,
      });
    }
    return state;
  }

  /** A connection from before the unsealing is asked again. */
  async #requireServer(connection: Connection, signal: AbortSignal): Promise<VerifiedServer> {
    if (connection.server !== undefined) return connection.server;
    const { state, server } = await this.#readState(connection, signal);
    if (server !== undefined) return server;
    throw new LetterlockError(state === 'uninitialised' ? 'uninitialised' : 'sealed', { outcome: 'not_sent' });
  }
}
