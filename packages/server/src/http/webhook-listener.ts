/**
 * The webhook listener (protocol.md §4.5, L4): the API server asks here about pods that are being made. Needs no store.
 * It must never allow what it could not read, nor answer anything about a caller: it knows none.
 * @module
 */
import { constants } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { answerReview, readAdmissionReview, type InjectionWorld } from '@letterlock/core';
import { isProblemError, ProblemError, toProblemDocument } from '@letterlock/protocol';
import type { Logger } from 'pino';
import type { ListenerTimeouts } from './direct-listener.ts';

/** `refused`: the request was not a review that can be answered. */
export const admissionOutcomes = ['inject', 'leave', 'deny', 'refused'] as const;
export type AdmissionOutcome = (typeof admissionOutcomes)[number];

export interface WebhookListenerOptions {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  /** Read for each review. */
  readonly world: () => Omit<InjectionWorld, 'isNamespaceAsking'>;
  readonly answered: (outcome: AdmissionOutcome, seconds: number) => void;
  readonly timeouts: ListenerTimeouts;
  readonly log: Logger;
}

/** Path → whether the namespace's label asks for its pods: the two entries of the webhook's configuration. */
export const webhookPaths: Readonly<Record<string, boolean>> = {
  '/v1/admission/namespace': true,
  '/v1/admission/pod': false,
};

/** A pod has at most 1.5 MiB in etcd, and a review of an update would hold two. */
export const reviewLimitBytes = 8_388_608;
const headersLimitBytes = 16_384;
/** The API server keeps few connections; anybody else has no business here. */
const mostConnections = 256;

/** Makes the listener, not yet listening. */
export function createWebhookListener(options: WebhookListenerOptions): Server {
  const { timeouts } = options;
  const server = createServer(
    {
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      secureOptions: constants.SSL_OP_NO_TICKET,
      cert: options.certificate,
      key: options.key,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: timeouts.headersMilliseconds,
      maxHeaderSize: headersLimitBytes,
      headersTimeout: timeouts.headersMilliseconds,
      requestTimeout: timeouts.requestMilliseconds,
      keepAliveTimeout: timeouts.idleMilliseconds,
      connectionsCheckingInterval: timeouts.checkMilliseconds,
      insecureHTTPParser: false,
      noDelay: true,
    },
    (request, response) => {
      answer(request, response, options).catch(() => response.destroy());
    },
  );
  server.maxConnections = mostConnections;
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: WebhookListenerOptions,
): Promise<void> {
  const started = process.hrtime.bigint();
  let outcome: AdmissionOutcome = 'refused';
  let status = 200;
  let document: object;
  let isLast = false;
  try {
    const isNamespaceAsking = entryOf(request);
    const review = readAdmissionReview(parse(await receive(request)));
    const { response: answered, decision } = answerReview(review, { ...options.world(), isNamespaceAsking });
    outcome = decision.do;
    document = answered;
    options.log.info(
      { namespace: review.namespace, decision: decision.do, reason: decision.reason, isDryRun: review.isDryRun },
      'Answered an admission review',
    );
  } catch (error) {
    const problem = toProblemDocument(error);
    ({ status } = problem);
    document = problem;
    // What is left of the request is only discarded.
    request.resume();
    isLast = true;
    const reason = isProblemError(error) ? error.reason : undefined;
    if (status === 500) options.log.error({ error }, 'An admission review failed');
    else options.log.warn({ status, reason }, 'Refused an admission review');
  }
  const text = JSON.stringify(document);
  response.writeHead(status, {
    'Content-Type': status === 200 ? 'application/json' : 'application/problem+json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    ...(status === 405 ? { Allow: 'POST' } : {}),
    ...(isLast ? { Connection: 'close' } : {}),
  });
  response.end(text);
  options.answered(outcome, Number(process.hrtime.bigint() - started) / 1e9);
}

/** Checks everything before the body. @returns whether the namespace asks */
function entryOf(request: IncomingMessage): boolean {
  const [path = '', query, ...more] = (request.url ?? '').split('?');
  const entry = Object.hasOwn(webhookPaths, path) ? webhookPaths[path] : undefined;
  if (entry === undefined) throw new ProblemError('not_found', { reason: 'bad_path' });
  // The API server says how long it waits.
  if (more.length > 0 || (query !== undefined && !/^timeout=\d{1,3}s$/.test(query))) {
    throw new ProblemError('bad_request', { reason: 'bad_path', detail: 'The query is not a timeout' });
  }
  if (request.method !== 'POST') throw new ProblemError('method_not_allowed', { reason: 'method', allow: ['POST'] });
  if (request.headers['content-encoding'] !== undefined || request.headers['content-type'] !== 'application/json') {
    throw new ProblemError('unsupported_media', { reason: 'content_type' });
  }
  if (Number(request.headers['content-length'] ?? 0) > reviewLimitBytes) throw tooLarge();
  return entry;
}

function receive(request: IncomingMessage): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const pieces: Buffer[] = [];
  let length = 0;
  request.on('data', (piece: Buffer) => {
    length += piece.length;
    if (length <= reviewLimitBytes) pieces.push(piece);
    else {
      pieces.length = 0;
      reject(tooLarge());
    }
  });
  request.on('end', () => resolve(Buffer.concat(pieces)));
  request.on('error', (cause) => reject(new ProblemError('bad_request', { reason: 'body_incomplete', cause })));
  return promise;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    throw new ProblemError('bad_request', { reason: 'json_syntax', detail: 'The body is not JSON', cause });
  }
}

function tooLarge(): ProblemError {
  return new ProblemError('too_large', {
    reason: 'body_too_large',
    detail: `The body is larger than ${reviewLimitBytes} bytes`,
  });
}
