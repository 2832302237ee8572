/**
 * The shape of a route's handler, and the steps that handlers share: proof, permission, and the record of a refusal.
 * It must never know a route.
 * @module
 */
import {
  isStoring,
  permit,
  verifyProof,
  type Action,
  type ActionName,
  type ActionOf,
  type Caller,
  type Directory,
  type Permitted,
  type Proven,
  type Received,
} from '@letterlock/core';
import { canonicalize, ProblemError, readClaims, type Grant, type JcsObject, type Reader } from '@letterlock/protocol';
import type { Answer } from './answer.ts';
import type { Services, UnsealedServices } from './ports.ts';
import { auditRefusal } from './refusals.ts';
import type { Segments } from './routing.ts';

/** A received request with its body, of a known route. */
export interface Exchange {
  readonly received: Received;
  readonly body: Uint8Array;
  readonly segments: Segments;
  /** Thumbprint of the key that the connection's server certificate has. */
  readonly servedThumbprint: () => string;
}
export type Handler = (services: Services, exchange: Exchange) => Answer | Promise<Answer>;

/** One request of a proven caller, while unsealed. */
export interface ProvenExchange<T> {
  readonly services: Services;
  readonly unsealed: UnsealedServices;
  readonly proven: Proven<T>;
  readonly segments: Segments;
}

/** One whose caller is proven by its proof or its key. */
export interface RoutedExchange<T> extends ProvenExchange<T> {
  /** As it was received, which is the canonical form of `proven.request`. */
  readonly body: Uint8Array;
  readonly received: Received;
}

const noGrants: readonly Grant[] = [];

/** A success with a canonical document. */
export function ok(document: object, status = 200): Answer {
  return { status, body: canonicalize(document as JcsObject) };
}

/** What exists while unsealed. @throws 'sealed' */
export function requireUnsealed(services: Services): UnsealedServices {
  const unsealed = services.unsealed();
  if (unsealed === undefined) throw new ProblemError('sealed');
  return unsealed;
}

/** Reads a body that has a reader; methods without a body have none. @throws 'bad_encoding' */
export function readBody<T>(reader: Reader<T> | undefined, body: Uint8Array): T {
  return reader === undefined ? (undefined as T) : readClaims(reader, body);
}

export interface ProvenRoute<T> {
  readonly authentication: 'proof' | 'proof-or-mtls';
  /** Undefined for methods without a body. */
  readonly body?: Reader<T>;
  /** Where the caller's key is looked up. Default: the registered identities and the admins. */
  readonly directory?: (request: T, services: Services, unsealed: UnsealedServices) => Directory;
  readonly run: (exchange: RoutedExchange<T>) => Answer | Promise<Answer>;
}

/** A route of proven callers: read, prove, run. */
export function proven<T>(route: ProvenRoute<T>): Handler {
  const { authentication, body: reader, directory, run } = route;
  return async (services, { received, body, segments }) => {
    const request = readBody(reader, body);
    const unsealed = requireUnsealed(services);
    const result = await verifyProof(received, request, {
      authentication,
      nonces: services.nonces,
      publicOrigins: services.publicOrigins(),
      directory: directory === undefined ? unsealed.directory : directory(request, services, unsealed),
      clock: services.clock,
    });
    return run({ services, unsealed, proven: result, received, body, segments });
  };
}

/**
 * Permits one action. A refusal leaves an audit record.
 * @param grants - of the caller, where the action rests on them. @throws 'conflict' for what stores, before shares are acknowledged
 */
export async function permitted<N extends ActionName>(
  exchange: ProvenExchange<unknown>,
  action: ActionOf<N>,
  grants: readonly Grant[] = noGrants,
): Promise<Permitted<N>> {
  const { services, unsealed, proven: who } = exchange;
  try {
    const world = { grants, nowSeconds: services.clock.nowSeconds(), bindings: unsealed.bindings };
    const permission = permit<N>(action, who, world);
    if (isStoring(action.act)) await services.installation.requireAcknowledgedShares();
    return permission;
  } catch (error) {
    return refused(exchange, who.caller, action, error);
  }
}

/** Runs what core does not record itself when it refuses. */
export async function recordingRefusal<T>(
  exchange: ProvenExchange<unknown>,
  action: Action,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    return refused(exchange, exchange.proven.caller, action, error);
  }
}

async function refused(
  { services, unsealed }: ProvenExchange<unknown>,
  caller: Caller,
  action: Action,
  error: unknown,
): Promise<never> {
  await auditRefusal(services, unsealed.audit, caller, action, error);
  throw error;
}
