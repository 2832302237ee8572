/**
 * Administrative operations, signed by admins inside the body (protocol.md §4.6): one line for each.
 * It must never apply an operation on the wrong route, nor before all its signatures are there.
 * @module
 */
import {
  signaturesNeeded,
  verifyOperations,
  type Action,
  type CheckedOperation,
  type Received,
} from '@letterlock/core';
import { ProblemError, type Operation, type OperationName } from '@letterlock/protocol';
import type { Answer } from './answer.ts';
import { ok, permitted, recordingRefusal, requireUnsealed, type ProvenExchange } from './handler.ts';
import type { Services, UnsealedServices } from './ports.ts';

type OperationOf<N extends OperationName> = Extract<Operation, { readonly op: N }>;

/** What one operation does once it is proven; core records its own refusals of `share.ack` and `seal`. */
type Application<N extends OperationName> = (
  exchange: ProvenExchange<Operation>,
  operation: OperationOf<N>,
  once: Pick<CheckedOperation, 'oh' | 'exp' | 'signers'>,
) => Promise<Answer>;

const applied = (): Answer => ok({});

/** One that was applied before for the same admins is answered again, without a record: it changes nothing. */
function applyOnce(
  exchange: ProvenExchange<Operation>,
  action: Action,
  once: Parameters<UnsealedServices['ledger']['applyOnce']>[0],
  apply: (unsealed: UnsealedServices) => Promise<void>,
): Promise<void> {
  const { unsealed } = exchange;
  return recordingRefusal(exchange, action, () => unsealed.ledger.applyOnce(once, () => apply(unsealed)));
}

/** Operations of `sys/op`. */
const applications: { readonly [N in OperationName]?: Application<N> } = {
  'identity.put': async (exchange, { args }, once) => {
    const action = { act: 'identity.put', id: args.id } as const;
    const permission = await permitted(exchange, action);
    await applyOnce(exchange, action, once, (u) => u.identities.allow(permission, once));
    return applied();
  },
  'identity.revoke': async (exchange, { args }, once) => {
    const action = { act: 'identity.revoke', id: args.id } as const;
    const permission = await permitted(exchange, action);
    await applyOnce(exchange, action, once, (u) => u.identities.revoke(permission, once));
    return applied();
  },
  'grant.put': async (exchange, { args }, once) => {
    const action = { act: 'grant.put', path: args.path, who: args.who } as const;
    const permission = await permitted(exchange, action);
    await applyOnce(exchange, action, once, (u) => u.grants.put(permission, args, once));
    return applied();
  },
  'grant.delete': async (exchange, { args }, once) => {
    const action = { act: 'grant.delete', path: args.path, who: args.who } as const;
    const permission = await permitted(exchange, action);
    await applyOnce(exchange, action, once, (u) => u.grants.delete(permission, once));
    return applied();
  },
  'share.ack': async (exchange, { args }, once) => {
    const permission = await permitted(exchange, { act: 'share.ack' });
    await exchange.services.installation.acknowledgeShare(permission, args.ack, once);
    return applied();
  },
  'peer_unseal.set': async (exchange, { args }, once) => {
    const permission = await permitted(exchange, { act: 'peer_unseal.set' });
    await exchange.services.installation.setPeerUnseal(permission, args.mode, once);
    return applied();
  },
  'images.set': async (exchange, { args }, once) => {
    const permission = await permitted(exchange, { act: 'images.set' });
    await exchange.services.installation.setBootImages(permission, args.images, once);
    return applied();
  },
};

/** Operations of `sys/seal`. */
const sealings: { readonly [N in OperationName]?: Application<N> } = {
  seal: async (exchange, _operation, once) => {
    const permission = await permitted(exchange, { act: 'seal' });
    return ok(await exchange.services.installation.seal(permission, once));
  },
};

/** The operations that each of the two routes takes. */
export const operationTables = { operation: applications, seal: sealings } as const;

/**
 * Proves the signed copies of one operation and applies it once.
 * @returns 202 while signatures are missing. @throws 'bad_encoding', 'bad_proof', 'bad_request', and what the operation throws
 */
export async function applySigned(
  table: (typeof operationTables)[keyof typeof operationTables],
  services: Services,
  ops: readonly string[],
  received: Received,
): Promise<Answer> {
  const unsealed = requireUnsealed(services);
  const { configuration } = services.installation;
  const threshold = configuration?.k ?? 1;
  const verified = await verifyOperations(ops, {
    admins: new Map([...services.installation.admins()].map(([id, { verifyingKey }]) => [id, verifyingKey])),
    inst: unsealed.inst,
    clock: services.clock,
    received,
    k: (op) => signaturesNeeded(op, threshold),
  });
  if (!verified.isComplete) return ok({ have: verified.have, k: verified.k }, 202);
  const { operation, oh, exp, signers } = verified;
  const apply = table[operation.op] as Application<OperationName> | undefined;
  if (apply === undefined) {
    throw new ProblemError('bad_request', {
      reason: 'operation_route',
      detail: 'The operation belongs to another route',
    });
  }
  return apply({ services, unsealed, proven: verified.proven, segments: {} }, operation, { oh, exp, signers });
}
