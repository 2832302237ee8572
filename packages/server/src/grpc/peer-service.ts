/**
 * `letterlock.v1.Peer` as served: reads the call, asks the installation, answers.
 * It must never decide: who is attested and may be unsealed is the installation's.
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { sendUnaryData, ServerUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import type { Installation, ReceivedFacts } from '@letterlock/core';
import {
  canonicalBytes,
  decodeDocument,
  limits,
  peerUnsealRequest,
  ProblemError,
  readClaims,
} from '@letterlock/protocol';
import type { Logger } from 'pino';
import { encodeDocument } from './document-codec.ts';
import { requireSmallMetadata } from './metadata-size.ts';
import { problemOf, statusOf } from './grpc-status.ts';
import type { GrpcService } from './grpc-listener.ts';

/** Messages as bytes: what they hold is read after their size is known to be right. */
const asBytes = { serialize: (bytes: Buffer): Buffer => bytes, deserialize: (bytes: Buffer): Buffer => bytes };

export const peerDefinition = {
  unseal: {
    path: '/letterlock.v1.Peer/Unseal',
    requestStream: false,
    responseStream: false,
    requestSerialize: asBytes.serialize,
    requestDeserialize: asBytes.deserialize,
    responseSerialize: asBytes.serialize,
    responseDeserialize: asBytes.deserialize,
  },
} as const satisfies ServiceDefinition;

export interface PeerServiceOptions {
  readonly installation: Installation;
  readonly log: Logger;
  readonly granted: () => void;
  /** @param reason - of the log, never of the caller's making. */
  readonly refused: (reason: string) => void;
}

export function createPeerService(o: PeerServiceOptions): GrpcService {
  const { installation, log } = o;
  return (callerOf) => {
    const answer = async (call: ServerUnaryCall<Buffer, Buffer>, requestId: string): Promise<Buffer> => {
      const caller = callerOf(call.getPeer());
      if (caller === undefined) throw new ProblemError('bad_proof', { reason: 'client_key' });
      requireSmallMetadata(call.metadata);
      if (call.request.length > limits.peerMessageBytes)
        throw new ProblemError('too_large', { reason: 'grpc_message' });
      const request = readClaims(peerUnsealRequest, decodeDocument(call.request));
      const received: ReceivedFacts = { requestId, channel: { listener: 'peer' } };
      const response = await installation.grantPeer(request, caller.thumbprint, received);
      log.warn({ requestId }, 'Unsealed another replica');
      return encodeDocument(canonicalBytes({ ...response }));
    };
    const finish = async (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): Promise<void> => {
      const requestId = randomUUID();
      let response: Buffer;
      try {
        response = await answer(call, requestId);
        o.granted();
      } catch (error) {
        const problem = problemOf(error);
        const { code, reason } = problem;
        log[code === 'internal' ? 'error' : 'warn']({ requestId, code, reason, error }, 'Refused a replica');
        o.refused(reason ?? code);
        done(statusOf(problem));
        return;
      }
      done(null, response);
    };
    const unseal = (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void => {
      void finish(call, done);
    };
    return { definition: peerDefinition, implementation: { unseal } };
  };
}
