/**
 * The routes of the agent's socket: secrets by name, writing, health, metrics.
 * It must never serve a secret that the files would not.
 * @module
 */
import { decodeSecretMap, secretMapType, SecretBytes, isSecretMapKey } from '@letterlock/crypto';
import { encodeUtf8, ProblemError } from '@letterlock/protocol';
import type { SecretValues } from './files/secret-values.ts';
import { renderFile } from './files/formats.ts';
import { nameOf, type SecretStore } from './secret-store.ts';
import type { SocketAnswer, SocketRequest, SocketRoute } from './socket.ts';
import type { Written, WriteRequest } from './write-secret.ts';

/** What the routes work with. */
export interface SocketServices {
  readonly store: SecretStore;
  readonly isWriter: boolean;
  /** @throws ProblemError, and what the SDK throws */
  readonly write: (request: Omit<WriteRequest, 'latest'>, signal: AbortSignal) => Promise<Written>;
  readonly health: () => {
    readonly ready: boolean;
    readonly stale: boolean;
    /** Seconds. */
    readonly since?: number;
    readonly waiting?: string;
  };
  readonly metrics: () => string;
}

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const objectName = '[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?';
const bytesType = 'application/octet-stream';
const jsonType = 'application/json';

export function socketRoutes(services: SocketServices): readonly SocketRoute[] {
  const { store, health, metrics } = services;
  return [
    {
      method: 'GET',
      path: /^\/v1\/secrets$/,
      run: () => {
        const secrets = store.offers.map(({ binding, secret }) => {
          const held = store.held(nameOf({ binding, secret }));
          return { binding, secret, version: held?.version ?? 0, keys: [...(held?.values.keys() ?? [])] };
        });
        return json({ secrets });
      },
    },
    {
      method: 'GET',
      path: new RegExp(`^/v1/secrets/(?:(${objectName})/)?(${label})$`),
      run: ({ segments, accept }) => readOne(valuesOf(store, segments), accept),
    },
    {
      method: 'PUT',
      path: new RegExp(`^/v1/bindings/(${label})/(${objectName})/secrets/(${label})$`),
      run: (request) => write(services, request),
    },
    { method: 'GET', path: /^\/healthz$/, run: () => json(health(), health().ready ? 200 : 503) },
    {
      method: 'GET',
      path: /^\/metrics$/,
      run: () => ({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: metrics() }),
    },
  ];
}

/** By its own name only where one binding has it. */
function valuesOf(store: SecretStore, segments: readonly string[]): SecretValues {
  const [first, second] = segments;
  const found = store.offers.filter(({ binding, secret }) =>
    second === undefined ? secret === first : binding === first && secret === second,
  );
  const held = found.length === 1 ? store.held(nameOf(found[0]!)) : undefined;
  if (held !== undefined) return held.values;
  throw new ProblemError('not_found', {
    reason: found.length > 1 ? 'secret_ambiguous' : 'secret_absent',
    ...(found.length > 1 ? { detail: 'Several bindings have a secret of this name: ask for <binding>/<secret>' } : {}),
  });
}

/** All values as JSON; the bytes of a secret with one key where they are asked for. */
function readOne(values: SecretValues, accept: string | undefined): SocketAnswer {
  if (accept?.includes(bytesType) === true) {
    return { status: 200, type: bytesType, body: renderFile({ path: 'x', format: 'raw' }, values) };
  }
  return { status: 200, type: jsonType, body: renderFile({ path: 'x', format: 'json' }, values) };
}

async function write({ isWriter, ...services }: SocketServices, request: SocketRequest): Promise<SocketAnswer> {
  const { segments, writerToken, contentType, body, signal } = request;
  const [namespace, binding, secret] = segments as [string, string, string];
  if (!isWriter) {
    throw new ProblemError('denied', { reason: 'not_a_writer', detail: 'The pod is not annotated as a writer' });
  }
  if (writerToken === undefined || writerToken === '') {
    throw new ProblemError('denied', { reason: 'writer_token_missing', detail: 'Letterlock-Writer-Token is missing' });
  }
  const values = readValues(contentType, body);
  try {
    const written = await services.write({ namespace, binding, secret, values, writerToken }, signal);
    return json({ receipt: written.receipt, version: written.version }, 201);
  } finally {
    for (const value of values.values()) value[Symbol.dispose]();
  }
}

function readValues(contentType: string | undefined, body: Uint8Array): SecretValues {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === secretMapType) return decodeSecretMap(body);
  if (type === jsonType) return readJsonValues(body);
  throw new ProblemError('unsupported_media', {
    reason: 'content_type',
    detail: `Content-Type is neither ${jsonType} nor ${secretMapType}`,
  });
}

/** For people who write by hand; a program that minds strings sends the other type. @throws 'bad_encoding' */
function readJsonValues(body: Uint8Array): SecretValues {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    throw badValues();
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badValues();
  const entries = Object.entries(value);
  const isRight = entries.length > 0 && entries.every(([key, text]) => isSecretMapKey(key) && typeof text === 'string');
  if (!isRight) throw badValues();
  return new Map(entries.map(([key, text]) => [key, SecretBytes.take(encodeUtf8(text as string))]));
}

function badValues(): ProblemError {
  return new ProblemError('bad_encoding', {
    reason: 'secret_values',
    detail: 'The body is not a JSON object from key to text',
  });
}

function json(document: object, status = 200): SocketAnswer {
  return { status, type: jsonType, body: JSON.stringify(document) };
}
