/**
 * Audit facts of ceremonies, and those that wait while the service is sealed and nothing can be sealed into the store.
 * It must never grow by what strangers send: only facts about known admins come here.
 * @module
 */
import { isProblemError } from '@letterlock/protocol';
import type { AuditAct, AuditFacts, AuditListener } from '../audit/record.ts';
import type { Permitted } from '../policy/permitted.ts';
import { systemPaths } from './system-records.ts';

/** What an audit record of a signed request needs to know of its way here. */
export interface ReceivedFacts {
  readonly requestId: string;
  readonly channel: { readonly listener: AuditListener };
}

/** A ceremony by an admin's signature inside the body. */
export function factsOfAdmin(act: AuditAct, adminId: string, received: ReceivedFacts): AuditFacts {
  return {
    act,
    who: adminId,
    factor: 'admin',
    listener: received.channel.listener,
    cb: 'none',
    obj: systemPaths.seal,
    outcome: 'ok',
    reason: 'ok',
    req: received.requestId,
  };
}

/** The initialisation that nobody asked for by a request. */
export function factsOfStart(): AuditFacts {
  const received = { requestId: 'start', channel: { listener: 'none' } } as const;
  return { ...factsOfAdmin('init', 'service', received), factor: 'configuration' };
}

/** An unseal by another replica, which has written down whom it gave the KEK. */
export function factsOfPeerUnseal(): AuditFacts {
  const received = { requestId: 'peer', channel: { listener: 'none' } } as const;
  return { ...factsOfAdmin('unseal', 'service', received), factor: 'peer' };
}

/** A seal that this process found in the store: another one wrote who asked for it. */
export function factsOfEpoch(): AuditFacts {
  const received = { requestId: 'epoch', channel: { listener: 'none' } } as const;
  return { ...factsOfAdmin('seal', 'service', received), factor: 'service', reason: 'epoch_moved' };
}

export function factsOfCaller(
  act: AuditAct,
  { caller }: Permitted<'seal' | 'share.ack' | 'peer_unseal.set' | 'images.set'>,
): AuditFacts {
  return {
    ...factsOfAdmin(act, caller.id, { requestId: caller.requestId, channel: { listener: caller.listener } }),
    factor: caller.factor,
    cb: caller.binding,
  };
}

/** The same facts as a refusal; undefined when nothing was refused but the store did not answer. */
export function refusal(facts: AuditFacts, error: unknown): AuditFacts | undefined {
  if (!isProblemError(error) || error.code === 'unavailable') return undefined;
  return { ...facts, outcome: 'refused', reason: error.reason ?? error.code };
}

/** Facts kept while sealed. They share one transaction with others, so well under etcd's limit of operations. */
const heldFactsLimit = 32;

/** Facts that wait for the next unseal; beyond the limit only the log has them. */
export class HeldFacts {
  #facts: readonly AuditFacts[] = [];

  add(facts: AuditFacts): void {
    if (this.#facts.length < heldFactsLimit) this.#facts = [...this.#facts, facts];
  }

  get all(): readonly AuditFacts[] {
    return this.#facts;
  }

  /** Forgets what was stored; more may have come in the meantime. */
  remove(stored: readonly AuditFacts[]): void {
    this.#facts = this.#facts.filter((facts) => !stored.includes(facts));
  }
}
