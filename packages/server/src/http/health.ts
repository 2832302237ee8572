/**
 * The health listener: is the process alive, can it serve, and its metrics. Plain HTTP for the pod network.
 * It must never answer anything that a request says, nor hold anything secret.
 * @module
 */
import { createServer, type Server } from 'node:http';
import express, { type ErrorRequestHandler, type RequestHandler, type Response } from 'express';
import { limits, ProblemError, toProblemDocument } from '@letterlock/protocol';

export interface HealthSources {
  /** Why the service cannot serve; empty when it can. */
  readonly unreadyReasons: () => Promise<readonly string[]>;
  /** What will stop it if nobody acts. */
  readonly warnings: () => readonly string[];
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

const requestTimeoutMilliseconds = 5000;
const mostConnections = 64;

/** Makes the listener, not yet listening. */
export function createHealthServer(sources: HealthSources): Server {
  const application = express();
  application.disable('x-powered-by');
  application.disable('etag');
  application.set('query parser', false);
  application.set('trust proxy', false);
  application.set('case sensitive routing', true);
  application.set('strict routing', true);
  application.use(refuseQuery);
  application
    .route('/livez')
    .get((_request, response) => sendJson(response, 200, { status: 'alive' }))
    .all(refuseMethod);
  application
    .route('/readyz')
    .get(async (_request, response) => {
      const reasons = await sources.unreadyReasons();
      const found = sources.warnings();
      const warnings = found.length === 0 ? {} : { warnings: found };
      if (reasons.length === 0) sendJson(response, 200, { status: 'ready', ...warnings });
      else sendJson(response, 503, { status: 'unready', reasons, ...warnings });
    })
    .all(refuseMethod);
  application
    .route('/metrics')
    .get(async (_request, response) => {
      const { contentType, text } = await sources.metrics();
      response.status(200).set({ 'Content-Type': contentType, 'Cache-Control': 'no-store' }).send(text);
    })
    .all(refuseMethod);
  application.use(refusePath);
  application.use(sendProblem);
  const server = createServer(
    {
      maxHeaderSize: limits.headersBytes,
      requestTimeout: requestTimeoutMilliseconds,
      headersTimeout: requestTimeoutMilliseconds,
      connectionsCheckingInterval: 1000,
    },
    application,
  );
  server.maxConnections = mostConnections;
  return server;
}

const refuseQuery: RequestHandler = (request, _response, next) => {
  next(request.url.includes('?') ? new ProblemError('bad_request', { detail: 'No query is taken here' }) : undefined);
};

const refuseMethod: RequestHandler = () => {
  throw new ProblemError('method_not_allowed', { allow: ['GET', 'HEAD'] });
};

const refusePath: RequestHandler = () => {
  throw new ProblemError('not_found');
};

// Express knows an error handler by its four parameters.
const sendProblem: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
  const document = toProblemDocument(error);
  if (error instanceof ProblemError && error.allow !== undefined) response.set('Allow', error.allow.join(', '));
  sendJson(response, document.status, document, 'application/problem+json');
};

function sendJson(response: Response, status: number, document: object, type = 'application/json'): void {
  response.status(status).set({ 'Content-Type': type, 'Cache-Control': 'no-store' });
  response.send(Buffer.from(JSON.stringify(document)));
}
