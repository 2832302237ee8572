/**
 * Whether the server at the other end is the one that is pinned (protocol.md §4.7), decided before anything is sent to it.
 * It must never trust a name, a chain or a server's own word about which key is the right one.
 * @module
 */
import { importVerifyingKey, verifyState, type VerifyingKey } from '@letterlock/crypto';
import {
  isProblemError,
  parseCanonical,
  stateResponse,
  type ServiceState,
  type StateClaims,
  type StateResponse,
} from '@letterlock/protocol';
import { ConnectionError, TrustError } from './errors.ts';

/** What a caller is shown before it pins a server. */
export interface FirstContact {
  readonly address: string;
  /** Thumbprint of the instance key: what FINGERPRINT means everywhere. */
  readonly fingerprint: string;
  readonly trustDomain: string;
  /** Id of the installation. */
  readonly instance: string;
}

/** Trust in one known instance key, or a question at the first contact; there is no way to trust everybody. */
export type TrustPolicy =
  | {
      /** Thumbprint of the instance key, 43 characters. */
      readonly pinned: string;
    }
  | {
      /** Asked once, before any proof is sent; the answer holds for the life of the client. */
      readonly onFirstContact: (contact: FirstContact) => boolean | Promise<boolean>;
    };

/** A server whose signed state was verified on its own connection. */
export interface VerifiedServer {
  readonly fingerprint: string;
  readonly instanceKey: VerifyingKey;
  readonly instance: string;
  readonly trustDomain: string;
}

/** A server's state. Only with `server` is any of it more than its word. */
export interface ServerState {
  readonly state: ServiceState;
  readonly trustDomain: string;
  /** The instance key that it names; absent while uninitialised. */
  readonly instanceKey: VerifyingKey | undefined;
  readonly server: VerifiedServer | undefined;
  /** How far the statement is past its end by the local clock, seconds; 0 if it is not. */
  readonly secondsPastExpiry: number;
}

/** Reads and verifies the answer of `GET /v1/sys/state`. @throws TrustError, ConnectionError 'bad_answer' */
export function readState(body: Uint8Array, tlsThumbprint: string, nowSeconds: number): ServerState {
  const { answer, instanceKey } = readAnswer(body);
  const common = { state: answer.state, trustDomain: answer.td, instanceKey };
  if (answer.jws === undefined) {
    if (answer.state === 'unsealed' || answer.state === 'quarantine') {
      throw new TrustError('state_invalid', 'Cannot trust the server: its state is not signed');
    }
    return { ...common, server: undefined, secondsPastExpiry: 0 };
  }
  if (instanceKey === undefined) {
    throw noInstanceKey();
  }
  const claims = verifyClaims(answer.jws, instanceKey, tlsThumbprint);
  if (claims.td !== answer.td) {
    throw new TrustError('state_invalid', 'Cannot trust the server: its state contradicts itself');
  }
  return {
    ...common,
    server: { fingerprint: instanceKey.thumbprint, instanceKey, instance: claims.inst, trustDomain: claims.td },
    secondsPastExpiry: Math.max(0, nowSeconds - claims.exp),
  };
}

/** For a server that nobody can tell from another one. */
export function noInstanceKey(): TrustError {
  return new TrustError('state_invalid', 'Cannot trust the server: it names no instance key');
}

function readAnswer(body: Uint8Array): {
  readonly answer: StateResponse;
  readonly instanceKey: VerifyingKey | undefined;
} {
  try {
    const answer = stateResponse(parseCanonical(body), '');
    return { answer, instanceKey: answer.sik === undefined ? undefined : importVerifyingKey(answer.sik) };
  } catch (cause) {
    throw new ConnectionError('bad_answer', 'The server did not answer with its state', 'not_sent', cause);
  }
}

function verifyClaims(jws: string, instanceKey: VerifyingKey, tlsThumbprint: string): StateClaims {
  try {
    return verifyState(jws, instanceKey, { tls: tlsThumbprint });
  } catch (cause) {
    if (!isProblemError(cause)) throw cause;
    const isOtherKey = cause.reason === 'state_tls';
    throw new TrustError(
      isOtherKey ? 'tls_key_mismatch' : 'state_invalid',
      isOtherKey
        ? 'Cannot trust the server: its signed state is for another connection'
        : 'Cannot trust the server: its state has no valid signature',
      { cause },
    );
  }
}

/** The pin of one client: given, or made at the first contact. */
export class ServerTrust {
  readonly #policy: TrustPolicy;
  readonly #address: string;
  #pinned: string | undefined;
  #question: Promise<boolean> | undefined;

  constructor(policy: TrustPolicy, address: string) {
    this.#policy = policy;
    this.#address = address;
    if ('pinned' in policy) {
      if (!/^[A-Za-z0-9_-]{43}$/.test(policy.pinned)) {
        throw new TypeError('Cannot pin the server: a fingerprint has 43 characters of base64url');
      }
      this.#pinned = policy.pinned;
    }
  }

  /** The pinned fingerprint, if there is one by now. */
  get pinned(): string | undefined {
    return this.#pinned;
  }

  /** Lets a verified server pass, or a sealed one that at least names the pinned key. @throws TrustError */
  async admit(state: ServerState): Promise<void> {
    if (this.#pinned === undefined && state.server !== undefined) await this.#ask(state.server);
    const shown = state.instanceKey?.thumbprint;
    if (this.#pinned === undefined || shown === undefined || shown === this.#pinned) return;
    throw new TrustError('fingerprint_mismatch', 'Cannot trust the server: it is not the pinned instance', {
      expected: this.#pinned,
      actual: shown,
    });
  }

  async #ask(server: VerifiedServer): Promise<void> {
    if (!('onFirstContact' in this.#policy)) return;
    const { onFirstContact } = this.#policy;
    const { fingerprint, trustDomain, instance } = server;
    // Connections that open together wait for one answer.
    this.#question ??= Promise.resolve(
      onFirstContact({ address: this.#address, fingerprint, trustDomain, instance }),
    ).then((isAccepted) => {
      if (isAccepted) this.#pinned = fingerprint;
      return isAccepted;
    });
    if (!(await this.#question)) {
      throw new TrustError('not_accepted', 'Cannot trust the server: its fingerprint was not accepted', {
        actual: fingerprint,
      });
    }
  }
}
