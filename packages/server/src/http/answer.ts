/**
 * Writes answers: JCS documents, and problem documents for whatever was thrown.
 * It must never put anything of an error on the wire but what toProblemDocument gives.
 * @module
 */
import type { ServerResponse } from 'node:http';
import { problems, toProblemDocument, isProblemError, type ProblemCode } from '@letterlock/protocol';

/** A success. Shape: body is the JCS text, or empty. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface AnswerHeaders {
  readonly requestId: string;
  readonly nonce: string | undefined;
  /** Tells the client to use no further request on this connection. */
  readonly isLast: boolean;
}

/** Sends a success. */
export function sendAnswer(response: ServerResponse, answer: Answer, headers: AnswerHeaders): void {
  send(response, answer.status, 'application/json', answer.body, headers, []);
}

/** Sends what was thrown as a problem document. @returns the code that went on the wire */
export function sendProblem(response: ServerResponse, error: unknown, headers: AnswerHeaders): ProblemCode {
  const document = toProblemDocument(error, `urn:uuid:${headers.requestId}`);
  const extra = problemHeaders(error, document.status);
  send(response, document.status, 'application/problem+json', JSON.stringify(document), headers, extra);
  return document.code;
}

/** The whole message of a problem, for a connection whose request could not be parsed. */
export function rawProblem(error: unknown, requestId: string): string {
  const document = toProblemDocument(error, `urn:uuid:${requestId}`);
  const body = JSON.stringify(document);
  const lines = [
    `HTTP/1.1 ${document.status} ${problems[document.code].title}`,
    `Date: ${new Date().toUTCString()}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
    ...pairs(problemHeaders(error, document.status)).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** Name and value in turn, as writeHead takes them. */
function problemHeaders(error: unknown, status: number): readonly string[] {
  // RFC 9110 §15.5.2: a 401 names the scheme.
  const challenge = status === 401 ? ['WWW-Authenticate', 'Letterlock'] : [];
  if (!isProblemError(error)) return challenge;
  return [
    ...challenge,
    ...(error.allow === undefined ? [] : ['Allow', error.allow.join(', ')]),
    ...(error.retryAfterSeconds === undefined ? [] : ['Retry-After', String(error.retryAfterSeconds)]),
  ];
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: AnswerHeaders,
  extra: readonly string[],
): void {
  const fields = ['Cache-Control', 'no-store'];
  const length = Buffer.byteLength(body);
  if (length > 0) fields.push('Content-Type', type, 'Content-Length', String(length));
  if (headers.nonce !== undefined) fields.push('Replay-Nonce', headers.nonce);
  if (headers.isLast) fields.push('Connection', 'close');
  fields.push(...extra);
  response.writeHead(status, fields);
  // As many bytes as characters: ASCII, which is copied out as it is.
  response.end(body, length === body.length ? 'latin1' : 'utf8');
}

function pairs(flat: readonly string[]): readonly (readonly [string, string])[] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[index * 2]!, flat[index * 2 + 1]!] as const);
}
