/**
 * Leaves an audit record of what a proven caller was refused.
 * It must never record a failed authentication: nobody is known then.
 * @module
 */
import type { Action, AuditAct, AuditFacts, AuditTrail, Caller, Permitted } from '@letterlock/core';
import { isProblemError } from '@letterlock/protocol';
import type { Services } from './ports.ts';

/** Records the refusal; an error that is none (the service failed) leaves no record. @throws 'unavailable' when it cannot be recorded */
export async function auditRefusal(
  services: Pick<Services, 'store'>,
  audit: AuditTrail,
  caller: Caller,
  action: Action,
  error: unknown,
): Promise<void> {
  const act = actOf(action);
  if (act === undefined || !isProblemError(error) || error.status === 401 || error.status >= 500) return;
  const reason = error.reason ?? error.code;
  await audit.record(services.store, { ...factsOf(caller, act, objectOf(action)), outcome: 'refused', reason });
}

/** Records an act that only reads and that core does not record itself. @throws 'unavailable' */
export async function auditRead(
  services: Pick<Services, 'store'>,
  audit: AuditTrail,
  { caller }: Permitted<'explain'>,
): Promise<void> {
  await audit.record(services.store, factsOf(caller, 'explain', objectOf({ act: 'explain' })));
}

function factsOf(caller: Caller, act: AuditAct, obj: string): AuditFacts {
  return {
    act,
    who: caller.id,
    factor: caller.factor,
    listener: caller.listener,
    cb: caller.binding,
    obj,
    outcome: 'ok',
    reason: 'ok',
    req: caller.requestId,
  };
}

/** Asking how far an unseal is changes nothing and is possible while nothing can be recorded. */
function actOf(action: Action): AuditAct | undefined {
  return action.act === 'unseal.status' ? undefined : action.act;
}

function objectOf(action: Action): string {
  if ('who' in action) return `grant/${action.who}`;
  if (action.act === 'identity.read' || action.act === 'identity.register') return `id/${action.id}`;
  if (action.act === 'identity.put' || action.act === 'identity.revoke') return `id/${action.id}`;
  if ('path' in action) {
    return action.act === 'wrap.store' ? `wrap/${action.id}` : `secret/${action.path ?? ''}`;
  }
  if (action.act === 'workload.enrol' || action.act === 'workload.renew' || action.act === 'workload.token')
    return 'wl';
  if ('id' in action) return `wrap/${action.id}`;
  return action.act === 'grant.list' || action.act === 'explain' ? 'grant' : 'sys/seal';
}
