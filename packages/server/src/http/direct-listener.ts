/**
 * The direct listener (protocol.md §4.5, L1): TLS 1.3, our own table of routes, and the one place where whatever was
 * thrown becomes an answer. It must never believe a header about who or where the client is.
 * @module
 */
import { constants, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { isProblemError, limits, ProblemError, problems, routes, type RouteName } from '@letterlock/protocol';
import type { Logger } from 'pino';
import { rawProblem, sendAnswer, sendProblem, type AnswerHeaders } from './answer.ts';
import { apiRoutes } from './api-routes.ts';
import { Connection } from './connection.ts';
import { FailedProofs } from './failed-proofs.ts';
import type { Services } from './ports.ts';
import { discardBody, isFramingFault, receiveBody, receiveHead, type Head } from './receive.ts';

/** Milliseconds until a connection that does not get on is closed. */
export interface ListenerTimeouts {
  /** From the connection, or the request's first byte, to the end of its headers. */
  readonly headersMilliseconds: number;
  /** To the end of the request. */
  readonly requestMilliseconds: number;
  /** Between requests. */
  readonly idleMilliseconds: number;
  /** How often the first two are looked at. */
  readonly checkMilliseconds: number;
}

/** Headers: with the interval of the checks not above protocol.md's 10 s; request: its 15 s. */
export const defaultTimeouts: ListenerTimeouts = {
  headersMilliseconds: 9000,
  requestMilliseconds: 14_000,
  idleMilliseconds: 65_000,
  checkMilliseconds: 1000,
};

/** Each connection costs about 50 KiB; beyond this many new ones are refused at once. */
const mostConnections = 4096;

/** For a client that does not read what it is told at the end. */
const lastWordsMilliseconds = 2000;

export interface DirectListenerOptions {
  readonly services: Services;
  readonly log: Logger;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  readonly timeouts: ListenerTimeouts;
}

export interface DirectListener {
  readonly server: Server;
  /**
   * Stops accepting, ends connections without a request, lets requests in flight be the last of theirs.
   * @param mostMilliseconds - then what is left is cut.
   */
  close(mostMilliseconds: number): Promise<void>;
}

/** TLS settings that a reload keeps. */
export const tlsSettings = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  // No stateless tickets, and nobody here keeps sessions: each connection proves the client's key anew.
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const;

/** Makes the listener, not yet listening. */
export function createDirectListener(options: DirectListenerOptions): DirectListener {
  const { services, log, timeouts } = options;
  const failedProofs = new FailedProofs(services.clock);
  const connections = new Map<TLSSocket, Connection>();
  /** Every connection, and those whose handshake has not ended. */
  const sockets = new Set<Socket>();
  const handshakes = new Map<string, Socket>();
  let isDraining = false;

  const server = createServer(
    {
      ...tlsSettings,
      cert: options.certificate,
      key: options.key,
      ALPNProtocols: ['http/1.1'],
      requestCert: true,
      // Which client key is acceptable is decided by route, by its thumbprint; OpenSSL still checks its possession.
      rejectUnauthorized: false,
      handshakeTimeout: timeouts.headersMilliseconds,
      maxHeaderSize: limits.headersBytes,
      headersTimeout: timeouts.headersMilliseconds,
      requestTimeout: timeouts.requestMilliseconds,
      keepAliveTimeout: timeouts.idleMilliseconds,
      connectionsCheckingInterval: timeouts.checkMilliseconds,
      insecureHTTPParser: false,
      // Checked by ourselves, so that the answer is a problem document as everywhere.
      requireHostHeader: false,
      noDelay: true,
    },
    (request, response) => {
      // Refusing cannot fail but by a defect; then the connection ends without an answer.
      serve(request, response).catch(() => response.destroy());
    },
  );
  server.maxConnections = mostConnections;
  server.on('connection', (socket: Socket) => {
    const end = endOf(socket);
    sockets.add(socket);
    handshakes.set(end, socket);
    socket.once('close', () => {
      sockets.delete(socket);
      if (handshakes.get(end) === socket) handshakes.delete(end);
    });
  });
  server.on('secureConnection', (socket) => {
    handshakes.delete(endOf(socket));
    connections.set(socket, new Connection(socket, services.readers.publicKey));
    socket.once('close', () => connections.delete(socket));
  });
  server.on('clientError', refuseConnection);
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    refuseConnection(
      new ProblemError('method_not_allowed', { reason: 'method_undeclared', allow: ['GET', 'POST'] }),
      socket,
    );
    request.destroy();
  });
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const error = new ProblemError('bad_request', { reason: 'expectation', detail: 'Expect is not supported' });
    sendProblem(response, error, { requestId: randomUUID(), nonce: undefined, isLast: true });
  });
  return { server, close };

  async function close(mostMilliseconds: number): Promise<void> {
    isDraining = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    for (const [socket, { requests }] of connections) if (requests === 0) socket.destroySoon();
    for (const socket of handshakes.values()) socket.destroy();
    const cut = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, mostMilliseconds);
    await promise;
    clearTimeout(cut);
  }

  /** Takes one request from its head to its answer. */
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const requestId = randomUUID();
    const connection = connections.get(request.socket as TLSSocket);
    // It has closed already: nobody is there to be answered.
    if (connection === undefined) return;
    let head: Head | undefined;
    connection.requests += 1;
    try {
      head = receiveHead(request);
      refuseWhileSealed(head);
      if (head.route.authentication !== 'none') failedProofs.check(connection.remoteAddress);
      const received = receiveBody(request, head);
      const body = received instanceof Promise ? await received : received;
      const answer = await apiRoutes[head.name](services, {
        received: {
          requestId,
          method: head.method,
          path: head.path,
          bodyHash: body.hash,
          proof: head.proof,
          channel: connection,
        },
        body: body.bytes,
        segments: head.segments,
        servedThumbprint: () => connection.servedThumbprint,
      });
      sendAnswer(response, answer, headersOf(requestId, head, false));
      services.metrics.answered(head.name, answer.status, (performance.now() - startedAt) / 1000);
    } catch (error) {
      await refuse(error, { request, response, connection, head, requestId, startedAt });
    } finally {
      connection.requests -= 1;
    }
  }

  async function refuse(
    error: unknown,
    at: {
      readonly request: IncomingMessage;
      readonly response: ServerResponse;
      readonly connection: Connection;
      readonly head: Head | undefined;
      readonly requestId: string;
      readonly startedAt: number;
    },
  ): Promise<void> {
    const { request, response, connection, head, requestId, startedAt } = at;
    if (hasUnreadBody(request)) await discardBody(request);
    const isLast = hasUnreadBody(request) || isFramingFault(error);
    const code = sendProblem(response, error, headersOf(requestId, head, isLast));
    const status = problems[code].status;
    if (code === 'bad_proof' || code === 'channel_required') {
      failedProofs.add(connection.remoteAddress);
      services.metrics.proofFailed();
    }
    if (isProblemError(error) && error.reason === 'storage_integrity') services.metrics.recordsDamaged('request', 1);
    services.metrics.answered(head?.name ?? 'none', status, (performance.now() - startedAt) / 1000);
    const level = status >= 500 && code !== 'sealed' && code !== 'uninitialised' ? 'error' : 'info';
    log[level]({ requestId, route: head?.name, code, error }, 'Refused request');
  }

  function headersOf(requestId: string, head: Head | undefined, isLast: boolean): AnswerHeaders {
    const nonce = head !== undefined && givesNonce[head.name] ? services.nonces.issue() : undefined;
    return { requestId, nonce, isLast: isLast || isDraining };
  }

  function refuseWhileSealed({ route }: Head): void {
    if (route.whileSealed || services.unsealed() !== undefined) return;
    throw new ProblemError(services.installation.state === 'uninitialised' ? 'uninitialised' : 'sealed');
  }

  /** A request that could not be parsed, or came too slowly: one answer, and the connection is over. */
  function refuseConnection(error: Error, socket: Duplex): void {
    services.metrics.connectionRefused();
    if (!socket.writable || (socket as { readonly secureConnecting?: boolean }).secureConnecting === true) {
      // Nothing can be said before the handshake has ended.
      socket.destroy();
      return;
    }
    const problem = problemOfParser(error);
    const requestId = randomUUID();
    log.info({ requestId, code: problem.code, reason: problem.reason }, 'Refused connection');
    socket.end(rawProblem(problem, requestId), () => socket.destroy());
    setTimeout(() => socket.destroy(), lastWordsMilliseconds).unref();
  }
}

/** Names the other end of a connection: the same for the socket and for the TLS socket upon it. */
function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Whether more of this request's body may come. A request without a body may not be complete when its head is refused. */
function hasUnreadBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  return !request.complete && !request.destroyed && (coding !== undefined || Number(length ?? 0) > 0);
}

const parserProblems: Readonly<Record<string, ProblemError>> = {
  HPE_HEADER_OVERFLOW: new ProblemError('headers_too_large', {
    reason: 'headers_too_large',
    detail: `The headers are larger than ${limits.headersBytes} bytes`,
  }),
  ERR_HTTP_REQUEST_TIMEOUT: new ProblemError('bad_request', {
    reason: 'request_too_slow',
    detail: 'The request did not arrive in time',
  }),
};

function problemOfParser(error: Error): ProblemError {
  if (error instanceof ProblemError) return error;
  const { code } = error as { readonly code?: string };
  const known = code === undefined ? undefined : parserProblems[code];
  return (
    known ??
    new ProblemError('bad_request', {
      reason: 'not_http',
      detail: 'The request is not well-formed HTTP/1.1',
      cause: error,
    })
  );
}

/** Routes whose answers carry a nonce: those that ask for a proof or hold one, and the two that give one away. */
const givesNonce = Object.fromEntries(
  Object.entries(routes).map(([name, { authentication }]) => [
    name,
    authentication !== 'none' || name === 'state' || name === 'nonce',
  ]),
) as Readonly<Record<RouteName, boolean>>;
