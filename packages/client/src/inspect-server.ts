/**
 * A look at a server before anybody trusts it: what a person compares and then pins.
 * It must never send a proof.
 * @module
 */
import { headerNames, routes, type ServiceState } from '@letterlock/protocol';
import { endpointsOf, type ServiceAddress } from './address.ts';
import { connect } from './connection.ts';
import { Deadline, type CallOptions } from './deadline.ts';
import { ConnectionError } from './errors.ts';
import { resolveAll, resolveHost, type Replica, type Resolve } from './replicas.ts';
import { readState } from './trust.ts';

/** One of several that does not shake hands for so long is left. */
const dialMilliseconds = 2000;

/** What a server says about itself; consistent with its connection, and nothing more. */
export interface ServerInspection {
  readonly address: string;
  readonly state: ServiceState;
  readonly trustDomain: string;
  /** Thumbprint of the instance key, signed for this connection if `isSigned`. */
  readonly fingerprint: string | undefined;
  readonly instance: string | undefined;
  readonly isSigned: boolean;
  /** Thumbprint of the TLS key. */
  readonly tlsThumbprint: string;
  /** PEM, leaf first, as sent. */
  readonly certificates: readonly string[];
  /** The server's time, seconds. */
  readonly serverSeconds: number | undefined;
  /** Replay-Nonce of the answer, for one proof by another tool. */
  readonly nonce: string | undefined;
}

/**
 * Connects to one replica after the other, until one is unsealed and signs who it is; else what the first one said. Nothing
 * of a replica that does not answer is in the result. @throws ConnectionError, TrustError if a state contradicts its connection
 */
export async function inspectServer(
  service: ServiceAddress,
  options: CallOptions & { readonly now?: (() => number) | undefined; readonly resolve?: Resolve | undefined } = {},
): Promise<ServerInspection> {
  const deadline = new Deadline(options);
  const { signal } = deadline;
  const now = options.now ?? (() => Math.floor(Date.now() / 1000));
  let answered: ServerInspection | undefined;
  let failure: ConnectionError | undefined;
  try {
    const replicas = await resolveAll(endpointsOf(service), options.resolve ?? resolveHost, signal);
    for (const replica of replicas) {
      try {
        const shown = await inspectReplica(replica, { signal, now, isAlone: replicas.length === 1 });
        if (shown.isSigned) return shown;
        answered ??= shown;
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        deadline.throwIfOver('not_sent');
        failure ??= error;
      }
    }
  } catch (error) {
    deadline.throwIfOver('not_sent');
    throw error;
  }
  if (answered !== undefined) return answered;
  throw failure!;
}

async function inspectReplica(
  replica: Replica,
  o: { readonly signal: AbortSignal; readonly now: () => number; readonly isAlone: boolean },
): Promise<ServerInspection> {
  const connection = await connect(replica, {
    monotonic: () => performance.now(),
    signal: o.signal,
    dialMilliseconds: o.isAlone ? undefined : dialMilliseconds,
  });
  try {
    const answer = await connection.prepare(routes.state, o.signal);
    const state = readState(answer.body, connection.tlsThumbprint, o.now());
    const milliseconds = Date.parse(connection.date ?? '');
    const nonce = answer.headers[headerNames.replayNonce];
    return {
      address: replica.address.origin,
      state: state.state,
      trustDomain: state.trustDomain,
      fingerprint: state.instanceKey?.thumbprint,
      instance: state.server?.instance,
      isSigned: state.server !== undefined,
      tlsThumbprint: connection.tlsThumbprint,
      certificates: connection.certificates,
      serverSeconds: Number.isNaN(milliseconds) ? undefined : Math.floor(milliseconds / 1000),
      nonce: typeof nonce === 'string' ? nonce : undefined,
    };
  } finally {
    connection.close();
  }
}
