/**
 * What is known about a caller once its proof has been verified. `Proven` is made only by verifyProof, verifyOperations
 * and the second factor, through the one cast below; a handler cannot make one.
 * @module
 */
import type { Keyset, VerifyingKey } from '@letterlock/crypto';
import type { WorkloadIdentity } from '@letterlock/protocol';
import type { AuditListener, ChannelBindingKind } from '../audit/record.ts';

/** Facts about the connection, from the listener. */
export interface Channel {
  readonly listener: AuditListener;
  /** TLS exporter value of this connection, b64u, 43 characters; absent where the TLS stack has none. */
  readonly exporter: string | undefined;
  /** Key of the TLS client certificate, possession proved by the handshake. */
  readonly clientKey: VerifyingKey | undefined;
  readonly remoteAddress: string;
}

/** A request as received, before anybody is believed. */
export interface Received {
  readonly requestId: string;
  readonly method: string;
  /** Raw path, already checked by isRequestPath. */
  readonly path: string;
  /** b64u SHA-256 of the raw body bytes. */
  readonly bodyHash: string;
  /** Compact JWS of the Authorization header; undefined when there is none. */
  readonly proof: string | undefined;
  /** ServiceAccount token that came with the request, on the listener for agents alone; the proof must name it. */
  readonly writerToken?: string | undefined;
  readonly channel: Channel;
}

/** A pod as a caller. `svid`: its agent, by the certificate's key; `token`: a process that showed its pod's token a short time ago. */
export interface CallerWorkload extends WorkloadIdentity {
  readonly by: 'svid' | 'token';
  /** UID of its node, where the cluster tells. */
  readonly nodeUid?: string;
}

/** A proven caller. */
export interface Caller {
  /** Identity id: thumbprint of the signature key. */
  readonly id: string;
  readonly isAdmin: boolean;
  /** Current keyset; undefined for an admin, who has a single key. */
  readonly keyset: Keyset | undefined;
  /** `svid-token`: a workload that has also shown its application's token for this very request. */
  readonly factor: 'proof' | 'mtls' | 'admin' | 'svid' | 'svid-token' | 'token';
  /** The pod that the key belongs to; undefined for everybody else. */
  readonly workload?: CallerWorkload;
  readonly binding: ChannelBindingKind;
  readonly listener: AuditListener;
  /** The signed request itself, by proof. */
  readonly proof: string | undefined;
  readonly nonce: string | undefined;
  readonly bodyHash: string;
  readonly requestId: string;
  /** For the log: the proof's `iat` is more than 300 s away from this clock. Refused it is not: freshness comes from the nonce. */
  readonly note?: 'clock_skewed';
}

declare const provenMark: unique symbol;
/** A request whose caller is proven. */
export interface Proven<T> {
  readonly caller: Caller;
  readonly request: T;
  readonly [provenMark]: true;
}

/** For verifyProof, verifyOperations and the second factor alone (tools/check-layers holds others off). */
export function prove<T>(caller: Caller, request: T): Proven<T> {
  return { caller, request } as Proven<T>;
}
