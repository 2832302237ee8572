/**
 * gRPC without a gRPC library: frames and headers as a test wants them, over HTTP/2 with a pod's certificate.
 * It must never correct what it is given.
 * @module
 */
import { once, type EventEmitter } from 'node:events';
import { connect, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import type { SigningKey } from '@letterlock/crypto';
import { decodeStatusDetails } from '@letterlock/protocol';

export interface RawAnswer {
  /** Undefined: there was none. */
  readonly status: number | undefined;
  /** Code of the problem table. */
  readonly code: string | undefined;
  readonly nonce: string | undefined;
}

export interface RawTarget {
  readonly port: number;
  readonly authorities: readonly string[];
  readonly certificates: readonly string[];
  readonly key: SigningKey;
}

export async function openSession(o: RawTarget): Promise<ClientHttp2Session> {
  const session = connect(`https://localhost:${o.port}`, {
    ca: [...o.authorities],
    cert: o.certificates.join(''),
    key: o.key.keyObject.export({ format: 'pem', type: 'pkcs8' }),
  });
  session.on('error', () => undefined);
  await once(session, 'remoteSettings', { signal: AbortSignal.timeout(5000) });
  return session;
}

/** A message with its five bytes before it. Shape of o: what these bytes say instead. */
export function frame(message: Uint8Array, o: { readonly flag?: number; readonly length?: number } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(o.flag ?? 0, 0);
  head.writeUInt32BE(o.length ?? message.length, 1);
  return Buffer.concat([head, message]);
}

export function requestHeaders(path: string, more: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  return { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...more };
}

export async function rawCall(
  session: ClientHttp2Session,
  frames: Uint8Array,
  headers: OutgoingHttpHeaders,
): Promise<RawAnswer> {
  const stream = session.request(headers);
  const found: Record<string, string> = {};
  const keep = (given: object): void => void Object.assign(found, given);
  stream.on('response', keep);
  stream.on('trailers', keep);
  stream.on('error', () => undefined);
  stream.resume();
  stream.end(frames);
  await closed(stream);
  const status = found['grpc-status'];
  const details = found['grpc-status-details-bin'];
  return {
    status: status === undefined ? undefined : Number(status),
    code: details === undefined ? undefined : decodeStatusDetails(Buffer.from(details, 'base64'))?.reason,
    nonce: found['replay-nonce'],
  };
}

/** Waits for the end of a connection or stream, whatever ends it. */
export function closed(of: EventEmitter & { readonly closed: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    if (of.closed) resolve();
    const timer = setTimeout(() => reject(new Error('It was not closed')), 5000);
    of.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
