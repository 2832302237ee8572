/**
 * Calls `letterlock.v1.Peer` at another replica, with the boot key as client certificate.
 * It must never take a certificate for a proof of who answers: the signature in the answer is.
 * @module
 */
import { createSecureContext } from 'node:tls';
import { ChannelCredentials, Client, type ServiceError } from '@grpc/grpc-js';
import type { AskPeer } from '@letterlock/core';
import {
  canonicalBytes,
  decodeDocument,
  framingBytes,
  limits,
  peerUnsealResponse,
  ProblemError,
  readClaims,
} from '@letterlock/protocol';
import { encodeDocument } from './document-codec.ts';
import { problemOfStatus } from './grpc-status.ts';
import { peerDefinition } from './peer-service.ts';

const callMilliseconds = 10_000;

const channelOptions = {
  'grpc.max_receive_message_length': limits.peerMessageBytes + framingBytes,
  // One question, one answer: what is tried again is decided where it is known what it means.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.use_local_subchannel_pool': 1,
  // An address that is a number cannot be a TLS server name; nobody compares this one.
  'grpc.ssl_target_name_override': 'letterlock',
} as const;

/** @param o - `address`: host:port; `certificate` and `key` of the boot key, PEM. */
export function createPeerClient(o: {
  readonly address: string;
  readonly certificate: string;
  readonly key: string;
}): AskPeer {
  const context = createSecureContext({ cert: o.certificate, key: o.key, minVersion: 'TLSv1.3' });
  // Its certificate is of a key that nobody has signed for; what it answers is signed by the instance key, and sealed to ours.
  const credentials = ChannelCredentials.createFromSecureContext(context, { rejectUnauthorized: false });
  return async (request) => {
    const client = new Client(`dns:${o.address}`, credentials, channelOptions);
    try {
      const message = await unseal(client, encodeDocument(canonicalBytes({ ...request, benc: { ...request.benc } })));
      return readClaims(peerUnsealResponse, decodeDocument(message));
    } finally {
      client.close();
    }
  };
}

function unseal(client: Client, message: Buffer): Promise<Buffer> {
  const { path, requestSerialize, responseDeserialize } = peerDefinition.unseal;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const deadline = performance.timeOrigin + performance.now() + callMilliseconds;
  client.makeUnaryRequest(
    path,
    requestSerialize,
    responseDeserialize,
    message,
    { deadline },
    (error: ServiceError | null, response?: Buffer) => {
      if (error !== null) reject(problemOfStatus(error));
      else if (response === undefined) reject(new ProblemError('unavailable', { reason: 'peer_no_answer' }));
      else resolve(response);
    },
  );
  return promise;
}
