/**
 * HTTP/1.1 on the Unix socket in the delivery volume, for the applications of the pod: what is there, and writing with the
 * writer's token. It must never answer on anything but that socket, nor put a value into an error or a log.
 * @module
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { ProblemError, toProblemDocument, isProblemError, type ProblemCode } from '@letterlock/protocol';
import { errorFacts, type Log } from './log.ts';

/** An answer of a route. */
export interface SocketAnswer {
  readonly status: number;
  readonly type: string;
  /** Erased once it was sent. */
  readonly body: Uint8Array | string;
}
export interface SocketRequest {
  readonly segments: readonly string[];
  readonly accept: string | undefined;
  readonly contentType: string | undefined;
  readonly writerToken: string | undefined;
  readonly body: Buffer;
  readonly signal: AbortSignal;
}
export interface SocketRoute {
  readonly method: 'GET' | 'PUT';
  readonly path: RegExp;
  readonly run: (request: SocketRequest) => SocketAnswer | Promise<SocketAnswer>;
}

const bodyLimitBytes = 1_048_576;
const tokenLimitBytes = 8192;
const socketMode = 0o660;
const requestMilliseconds = 20_000;
const tokenHeader = 'letterlock-writer-token';

/** Listens. A socket that an earlier start left is removed: it is in a volume that only the agent writes. */
export async function openSocket(path: string, routes: readonly SocketRoute[], log: Log): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer(
    { maxHeaderSize: 16_384, requestTimeout: requestMilliseconds, headersTimeout: 10_000, keepAliveTimeout: 5000 },
    (request, response) => void answer(routes, request, response, log),
  );
  server.maxConnections = 64;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(path, resolve);
  await promise;
  chmodSync(path, socketMode);
  return server;
}

async function answer(
  routes: readonly SocketRoute[],
  request: IncomingMessage,
  response: ServerResponse,
  log: Log,
): Promise<void> {
  const stop = new AbortController();
  response.once('close', () => stop.abort());
  try {
    const { run, segments } = find(routes, request);
    const writerToken = tokenOf(request);
    const body = await bodyOf(request);
    try {
      send(
        response,
        await run({
          segments,
          accept: request.headers.accept,
          contentType: request.headers['content-type'],
          writerToken,
          body,
          signal: AbortSignal.any([stop.signal, AbortSignal.timeout(requestMilliseconds)]),
        }),
      );
    } finally {
      body.fill(0);
    }
  } catch (error) {
    if (response.destroyed) return;
    const problem = problemOf(error);
    log[problem.code === 'internal' ? 'error' : 'warn']('Refused a request on the socket', errorFacts(error));
    const document = toProblemDocument(problem);
    if (!request.complete) response.setHeader('connection', 'close');
    send(response, {
      status: document.status,
      type: 'application/problem+json',
      body: JSON.stringify(document),
    });
  }
}

/** @throws 'bad_request', 'not_found', 'method_not_allowed' */
function find(
  routes: readonly SocketRoute[],
  { method, url = '' }: IncomingMessage,
): { readonly run: SocketRoute['run']; readonly segments: readonly string[] } {
  if (url.includes('?')) throw new ProblemError('bad_request', { reason: 'query', detail: 'The target has a query' });
  const matching = routes.flatMap((route) => {
    const [, ...segments] = route.path.exec(url) ?? [];
    return route.path.test(url) ? [{ ...route, segments: segments.filter((each) => each !== undefined) }] : [];
  });
  if (matching.length === 0) throw new ProblemError('not_found', { reason: 'no_such_route' });
  const found = matching.find((route) => route.method === method);
  if (found === undefined) {
    throw new ProblemError('method_not_allowed', { reason: 'method', allow: matching.map((route) => route.method) });
  }
  return found;
}

/** Exactly one, or none. @throws 'bad_request', 'too_large' */
function tokenOf({ rawHeaders }: IncomingMessage): string | undefined {
  const values = rawHeaders.filter((_, n) => n % 2 === 1 && rawHeaders[n - 1]!.toLowerCase() === tokenHeader);
  const [token, ...others] = values;
  if (others.length > 0) throw new ProblemError('bad_request', { reason: 'writer_token_twice' });
  if (token !== undefined && token.length > tokenLimitBytes) throw new ProblemError('too_large', { reason: 'token' });
  return token;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  if (request.method !== 'PUT') return Buffer.alloc(0);
  if (request.headers['content-encoding'] !== undefined) throw new ProblemError('unsupported_media');
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      chunks.push(chunk);
      if (length > bodyLimitBytes) {
        throw new ProblemError('too_large', {
          reason: 'TooLarge',
          detail: `The body is longer than ${bodyLimitBytes} bytes`,
        });
      }
    }
    return Buffer.concat(chunks);
  } finally {
    for (const chunk of chunks) chunk.fill(0);
  }
}

function send(response: ServerResponse, { status, type, body }: SocketAnswer): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length, 'cache-control': 'no-store' });
  response.end(bytes, () => {
    if (typeof body !== 'string') body.fill(0);
  });
}

/** Errors of the SDK have codes of their own beside those of the table: what cannot be reached is unavailable. */
function problemOf(error: unknown): ProblemError {
  if (isProblemError(error)) return error;
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  const isAway = name === 'ConnectionError' || name === 'TimeoutError' || name === 'AbortError';
  const known: ProblemCode = name === 'RangeError' ? 'bad_request' : isAway ? 'unavailable' : 'internal';
  return new ProblemError(known, { reason: typeof code === 'string' ? code : 'failed', cause: error });
}
