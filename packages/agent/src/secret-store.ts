/**
 * The secrets that this pod has, in memory: the newest version of each, and which ones there ought to be.
 * It must never go back to a lower version of the same instance, nor drop what it has because the service is away.
 * @module
 */
import type { BindingDelivery } from '@letterlock/protocol';
import type { SecretValues } from './files/secret-values.ts';

/** One secret that the service offers to this pod. */
export interface Offer {
  readonly binding: string;
  readonly secret: string;
  readonly delivery: BindingDelivery;
  /** 0: not yet written. */
  readonly version: number;
  /** Of a secret that opens once: id of the wrap that it is now; else empty. */
  readonly wrap: string;
}

/** A version that was read. */
export interface HeldSecret {
  readonly version: number;
  /** Thumbprint of the instance key: another instance counts from 1 again. */
  readonly instance: string;
  /** The wrap that it was in, if it opens once. */
  readonly wrap?: string;
  readonly values: SecretValues;
}

/** Name of a secret within its pod. */
export function nameOf({ binding, secret }: Pick<Offer, 'binding' | 'secret'>): string {
  return `${binding}/${secret}`;
}

export class SecretStore {
  readonly #offers = new Map<string, Offer>();
  readonly #held = new Map<string, HeldSecret>();

  /** In order of their names. */
  get offers(): readonly Offer[] {
    return [...this.#offers.values()].toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  }

  held(name: string): HeldSecret | undefined {
    return this.#held.get(name);
  }

  offer(offer: Offer): void {
    this.#offers.set(nameOf(offer), offer);
  }

  /** After a complete list: what was not in it is no longer offered. What was read of it stays. */
  keepOffers(names: ReadonlySet<string>): void {
    for (const name of this.#offers.keys()) if (!names.has(name)) this.#offers.delete(name);
  }

  /** Offers whose newest version is not here. */
  unread(instance: string): readonly Offer[] {
    return this.offers.filter((offer) => {
      const held = this.#held.get(nameOf(offer));
      if (offer.version === 0) return false;
      if (held === undefined || (held.wrap ?? '') !== offer.wrap) return true;
      // The same wrap is the same content, whichever start of the container has opened it.
      return offer.wrap === '' && (held.instance !== instance || held.version < offer.version);
    });
  }

  /** Takes a version unless a higher one of the same instance is here. @returns whether it was taken; else its values are erased */
  take(name: string, fresh: HeldSecret): boolean {
    const held = this.#held.get(name);
    const isSame = held?.wrap === fresh.wrap && held?.instance === fresh.instance;
    if (held !== undefined && isSame && held.version >= fresh.version) {
      erase(fresh);
      return false;
    }
    this.#held.set(name, fresh);
    if (held !== undefined) erase(held);
    return true;
  }

  /** Erases everything. */
  clear(): void {
    for (const held of this.#held.values()) erase(held);
    this.#held.clear();
  }
}

function erase({ values }: HeldSecret): void {
  for (const value of values.values()) value[Symbol.dispose]();
}
