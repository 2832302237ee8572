/**
 * What of a ceremony goes into the audit trail and the log: at once while there is a barrier, with the next unseal otherwise.
 * It must never hold what strangers send: only facts about known admins come here.
 * @module
 */
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { Store } from '../store/store.ts';
import { HeldFacts, refusal } from './seal-facts.ts';

export class CeremonyTrail {
  /** Waiting for the next unseal. */
  readonly held = new HeldFacts();
  readonly #store: Store;
  readonly #trail: AuditTrail;
  readonly #listeners: ((facts: AuditFacts) => void)[] = [];

  constructor(o: { readonly store: Store; readonly trail: AuditTrail }) {
    this.#store = o.store;
    this.#trail = o.trail;
  }

  onRefused(listener: (facts: AuditFacts) => void): void {
    this.#listeners.push(listener);
  }

  /** For the log alone. @returns the refusal, if the error is one */
  report(facts: AuditFacts, error: unknown): AuditFacts | undefined {
    const refused = refusal(facts, error);
    if (refused !== undefined) this.#tell(refused);
    return refused;
  }

  /** For the log and the trail. @throws 'unavailable' when it cannot be recorded */
  async refuse(facts: AuditFacts, error: unknown, isUnsealed: boolean): Promise<void> {
    const refused = this.report(facts, error);
    if (refused === undefined) return;
    if (isUnsealed) await this.#trail.record(this.#store, refused);
    else this.held.add(refused);
  }

  /** A share that waited too long: nobody asked for anything that could be refused, but its admin has to give it again. */
  expire(facts: AuditFacts): void {
    const expired: AuditFacts = { ...facts, outcome: 'refused', reason: 'share_expired' };
    this.held.add(expired);
    this.#tell(expired);
  }

  #tell(facts: AuditFacts): void {
    for (const listener of this.#listeners) listener(facts);
  }
}
