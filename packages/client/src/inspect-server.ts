/**
 * A look at a server before anybody trusts it: what a person compares and then pins.
 * It must never send a proof.
 * @module
 */
import { headerNames, routes, type ServiceState } from '@letterlock/protocol';
import { parseAddress } from './address.ts';
import { connect } from './connection.ts';
import { Deadline, type CallOptions } from './deadline.ts';
import { ConnectionError } from './errors.ts';
import { readState } from './trust.ts';

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

/** Connects once and reads the state. @throws ConnectionError, TrustError if the state contradicts the connection */
export async function inspectServer(
  address: string,
  options: CallOptions & { readonly dialHost?: string | undefined; readonly now?: (() => number) | undefined } = {},
): Promise<ServerInspection> {
  const parsed = parseAddress(address);
  const deadline = new Deadline(options);
  try {
    const connection = await connect(parsed, {
      dialHost: options.dialHost,
      monotonic: () => performance.now(),
      signal: deadline.signal,
    });
    try {
      const answer = await connection.prepare(routes.state, deadline.signal);
      const now = options.now?.() ?? Math.floor(Date.now() / 1000);
      const state = readState(answer.body, connection.tlsThumbprint, now);
      const milliseconds = Date.parse(connection.date ?? '');
      const nonce = answer.headers[headerNames.replayNonce];
      return {
        address: parsed.origin,
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
  } catch (error) {
    if (error instanceof ConnectionError) deadline.throwIfOver('not_sent');
    throw error;
  }
}
