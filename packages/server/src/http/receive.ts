/**
 * Takes a request in: headers, path, route, body, each within its limit and form, before anybody is believed.
 * It must never look inside a body or at a key.
 * @module
 */
import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { headerNames, isProblemError, isRequestPath, limits, ProblemError, type Route } from '@letterlock/protocol';
import { findRoute, type RouteMatch } from './routing.ts';

/** The head of a request, accepted. */
export interface Head extends RouteMatch {
  readonly method: string;
  readonly path: string;
  /** Compact JWS of the Authorization header, on the routes that take one. */
  readonly proof: string | undefined;
}

export interface Body {
  readonly bytes: Buffer;
  /** b64u SHA-256. */
  readonly hash: string;
}

const framingReason = 'transfer_encoding';
const scheme = `${headerNames.scheme} `;
const emptyBody: Body = { bytes: Buffer.alloc(0), hash: hash('sha256', '', 'base64url') };

/** The few header fields that matter; all others are ignored. */
interface Fields {
  authorization: string | undefined;
  hasTwoAuthorizations: boolean;
  contentType: string | undefined;
  contentLength: string | undefined;
  hosts: number;
  isChunked: boolean;
}

/** Checks everything that stands before the body. @throws 'bad_request', 'not_found', 'method_not_allowed', 'headers_too_large', 'bad_proof', 'too_large', 'unsupported_media' */
export function receiveHead(request: IncomingMessage): Head {
  const fields = readFields(request.rawHeaders);
  const path = request.url ?? '';
  if (!isRequestPath(path)) {
    throw new ProblemError('bad_request', {
      reason: 'bad_path',
      detail: `The target is not a path of at most ${limits.pathBytes} bytes without query, escapes, empty or dot segments`,
    });
  }
  const method = request.method ?? '';
  const match = findRoute(method, path);
  const { name, route, segments } = match;
  checkBodyHeaders(route, fields);
  return { name, route, segments, method, path, proof: takesProof(route) ? readProof(fields) : undefined };
}

/** Reads the body that the head announced. @throws 'too_large', 'bad_request' */
export function receiveBody(request: IncomingMessage, head: Head): Body | Promise<Body> {
  if (head.route.method !== 'POST') return emptyBody;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      // An announced length was checked before; without one the limit is found on the way.
      if (length <= limits.bodyBytes) chunks.push(chunk);
      else chunks.length = 0;
      if (length > drainedBytes) reject(tooLarge());
    });
    request.on('end', () => {
      if (length > limits.bodyBytes) reject(tooLarge());
      else {
        const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length);
        resolve({ bytes, hash: hash('sha256', bytes, 'base64url') });
      }
    });
    request.on('error', (cause) => reject(new ProblemError('bad_request', { reason: 'body_incomplete', cause })));
  });
}

/** Whether where the request ends is in doubt, so that nothing after it may be believed. */
export function isFramingFault(error: unknown): boolean {
  return isProblemError(error) && error.reason === framingReason;
}

/** Reads what is left of a request that is already refused, so that a client that sends before it reads sees the answer. */
export function discardBody(request: IncomingMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > drainedBytes) resolve();
  });
  request.on('end', resolve);
  request.on('error', () => resolve());
  return promise;
}

/** An oversized body is read up to this much, so that a client that sends before it reads still sees the answer. */
const drainedBytes = 4 * limits.bodyBytes;

function tooLarge(): ProblemError {
  return new ProblemError('too_large', {
    reason: 'body_too_large',
    detail: `The body is larger than ${limits.bodyBytes} bytes`,
  });
}

function readFields(rawHeaders: readonly string[]): Fields {
  if (rawHeaders.length > limits.headerCount * 2) {
    throw new ProblemError('headers_too_large', {
      reason: 'too_many_headers',
      detail: `The request has more than ${limits.headerCount} headers`,
    });
  }
  const fields: Fields = {
    authorization: undefined,
    hasTwoAuthorizations: false,
    contentType: undefined,
    contentLength: undefined,
    hosts: 0,
    isChunked: false,
  };
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const value = rawHeaders[index + 1]!;
    switch (rawHeaders[index]!.toLowerCase()) {
      case headerNames.authorization:
        fields.hasTwoAuthorizations ||= fields.authorization !== undefined;
        fields.authorization = value;
        break;
      case 'content-type':
        if (fields.contentType !== undefined) throw unsupportedType();
        fields.contentType = value;
        break;
      case 'content-encoding':
        throw new ProblemError('unsupported_media', {
          reason: 'content_encoding',
          detail: 'Content-Encoding is not supported',
        });
      case 'content-length':
        fields.contentLength = value;
        break;
      case 'transfer-encoding':
        if (value.toLowerCase() !== 'chunked') throw badRequest(framingReason, 'Only chunked is supported');
        fields.isChunked = true;
        break;
      case 'host':
        fields.hosts += 1;
        break;
      case 'origin':
        // A browser that holds the certificate must not be made to burn a claim (protocol.md §4.4).
        throw badRequest('browser_origin', 'Requests of web pages are refused');
      default:
    }
  }
  // RFC 9112 §3.2; what it says is not looked at (protocol.md §4.1, htu).
  if (fields.hosts !== 1) throw badRequest('host_header', 'There is not exactly one Host header');
  return fields;
}

function checkBodyHeaders(route: Route, fields: Fields): void {
  const contentLength = Number(fields.contentLength ?? 0);
  if (route.method !== 'POST') {
    if (fields.isChunked || contentLength !== 0) throw badRequest('unexpected_body', 'The method takes no body');
    return;
  }
  if (fields.contentType !== 'application/json') throw unsupportedType();
  if (contentLength > drainedBytes) throw tooLarge();
}

function takesProof({ authentication }: Route): boolean {
  return authentication === 'proof' || authentication === 'proof-or-mtls';
}

function readProof({ authorization, hasTwoAuthorizations }: Fields): string | undefined {
  if (authorization === undefined) return undefined;
  if (hasTwoAuthorizations) throw badProof('proof_duplicate', 'There are two Authorization headers');
  if (!authorization.startsWith(scheme)) {
    throw badProof('proof_malformed', `The Authorization header has another scheme than ${headerNames.scheme}`);
  }
  const proof = authorization.slice(scheme.length);
  if (proof.length > limits.proofBytes) {
    throw new ProblemError('too_large', {
      reason: 'proof_too_large',
      detail: `The proof is longer than ${limits.proofBytes} bytes`,
    });
  }
  return proof;
}

function badRequest(reason: string, detail: string): ProblemError {
  return new ProblemError('bad_request', { reason, detail });
}

function badProof(reason: string, detail: string): ProblemError {
  return new ProblemError('bad_proof', { reason, detail });
}

function unsupportedType(): ProblemError {
  return new ProblemError('unsupported_media', {
    reason: 'content_type',
    detail: 'Content-Type is not exactly application/json',
  });
}
