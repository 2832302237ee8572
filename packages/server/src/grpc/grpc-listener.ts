/**
 * The listener for replicas and agents (protocol.md §4.5, L3): gRPC over TLS 1.3 with a client certificate, whose key each
 * service judges. It must never serve a connection without one, nor take anything but that key for who is calling.
 * @module
 */
import { constants, type KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import {
  Server,
  ServerCredentials,
  type ConnectionInjector,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { framingBytes, limits } from '@letterlock/protocol';
import type { Logger } from 'pino';

/** The key of a caller under the key policy. @throws when it is not acceptable */
export type ReadPublicKey = (publicKey: KeyObject) => { readonly thumbprint: string };

/** What a connection has shown. */
export interface GrpcCaller {
  /** Of the certificate's key. */
  readonly thumbprint: string;
  /** DER of the certificate, which nobody has judged yet. */
  readonly certificate: Uint8Array;
  readonly remoteAddress: string;
}

/** One service: its methods, and what they do. `callerOf` gives what a connection has shown. */
export type GrpcService = (callerOf: CallerOf) => {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
};
/** @param peer - as grpc-js names the other end. @returns undefined for a connection that is gone */
export type CallerOf = (peer: string) => GrpcCaller | undefined;

export interface GrpcListenerOptions {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  readonly readPublicKey: ReadPublicKey;
  readonly services: readonly GrpcService[];
  readonly log: Logger;
}

export interface GrpcListener {
  readonly server: TlsServer;
  /** Cuts the connections whose caller is such a one. */
  closeWhere(isToBeClosed: (caller: GrpcCaller) => boolean): void;
  /** Ends idle connections, lets calls in flight end. @param mostMilliseconds - then what is left is cut. */
  close(mostMilliseconds: number): Promise<void>;
}

/** Each costs some 100 KiB. */
const mostConnections = 1024;
const handshakeMilliseconds = 9000;
const alpn = 'h2';

/** @source protocol.md §14 */
const channelOptions = {
  'grpc.max_receive_message_length': limits.agentMessageBytes + framingBytes,
  'grpc.max_send_message_length': limits.agentMessageBytes + framingBytes,
  'grpc.max_concurrent_streams': 64,
  'grpc.max_connection_age_ms': 3_600_000,
  'grpc.max_connection_age_grace_ms': 10_000,
  'grpc.max_connection_idle_ms': 600_000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.enable_channelz': 0,
} as const;

/**
 * Makes the listener, not yet listening. TLS is ours, and grpc-js gets connections whose client has shown a key: its own
 * TLS server either asks for no certificate or refuses those that no authority has signed, as all of ours are.
 */
export function createGrpcListener(o: GrpcListenerOptions): GrpcListener {
  const { log, readPublicKey } = o;
  const sockets = new Set<Socket>();
  /** By the name of the other end. */
  const callers = new Map<string, GrpcCaller & { readonly socket: TLSSocket }>();
  const grpc = new Server(channelOptions);
  for (const service of o.services) {
    const { definition, implementation } = service((peer) => callers.get(peer));
    grpc.addService(definition, implementation);
  }
  const injector: ConnectionInjector = grpc.createConnectionInjector(ServerCredentials.createInsecure());

  const server = createServer({
    cert: o.certificate,
    key: o.key,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
    ALPNProtocols: [alpn],
    requestCert: true,
    // No authority stands behind a boot key; OpenSSL still checks its possession.
    rejectUnauthorized: false,
    handshakeTimeout: handshakeMilliseconds,
    noDelay: true,
  });
  server.maxConnections = mostConnections;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (error: Error & { readonly code?: string }) => {
    log.info({ reason: error.code }, 'Refused gRPC connection');
  });
  server.on('secureConnection', (socket) => {
    // Whatever breaks this connection breaks no other.
    socket.on('error', () => socket.destroy());
    const caller = callerBehind(socket, readPublicKey);
    if (socket.alpnProtocol !== alpn || caller === undefined) {
      log.info({ reason: caller === undefined ? 'client_key' : 'alpn' }, 'Refused gRPC connection');
      socket.destroy();
      return;
    }
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    callers.set(peer, { ...caller, socket });
    socket.once('close', () => {
      if (callers.get(peer)?.socket === socket) callers.delete(peer);
    });
    injector.injectConnection(socket);
  });
  return { server, close, closeWhere };

  function closeWhere(isToBeClosed: (caller: GrpcCaller) => boolean): void {
    for (const caller of callers.values()) if (isToBeClosed(caller)) caller.socket.destroy();
  }

  async function close(mostMilliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    injector.drain(mostMilliseconds);
    const cut = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, mostMilliseconds);
    await promise;
    clearTimeout(cut);
    grpc.forceShutdown();
  }
}

/** The client's certificate, of which nothing but the key is looked at here; undefined without one, and for a key outside the policy. */
function callerBehind(socket: TLSSocket, readPublicKey: ReadPublicKey): GrpcCaller | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  try {
    const { thumbprint } = readPublicKey(certificate.publicKey);
    return { thumbprint, certificate: certificate.raw, remoteAddress: socket.remoteAddress ?? '' };
  } catch {
    return undefined;
  }
}
