/**
 * Keeps a durable installation from taking data that a lost share could make unreadable: every admin acknowledges first.
 * It must never count a record that is not under the barrier, nor ask a store that ends with the process.
 * @module
 */
import type { Barrier } from '../store/barrier.ts';
import type { Store } from '../store/store.ts';
import type { SealConfiguration } from './seal-configuration.ts';
import { conflict } from './seal-problems.ts';
import { acknowledgementsPrefix } from './system-records.ts';

/** Ids of the admins of this generation that have acknowledged, in the order of the configuration. @throws 'unavailable' */
export async function acknowledgedAdmins(
  store: Store,
  barrier: Barrier,
  { admins, gen }: SealConfiguration,
): Promise<readonly string[]> {
  const paths = admins.map(({ id }) => acknowledgementsPrefix(gen) + id);
  const { entries } = await store.transact({
    compare: [],
    then: paths.map((path) => ({ do: 'get', key: barrier.keyOf(path) })),
  });
  return admins.flatMap(({ id }, index) => {
    const entry = entries[index];
    return entry !== undefined && isAuthentic(barrier, paths[index]!, entry.value) ? [id] : [];
  });
}

/** A record that does not open counts as missing: the admin can simply check again. */
function isAuthentic(barrier: Barrier, path: string, record: Uint8Array): boolean {
  try {
    barrier.open(path, record);
    return true;
  } catch {
    return false;
  }
}

export class AcknowledgementGate {
  readonly #store: Store;
  readonly #isTransient: boolean;
  /** An acknowledgement is never taken back within a generation. */
  #completeGeneration: number | undefined;

  constructor(o: { readonly store: Store; readonly isTransient: boolean }) {
    this.#store = o.store;
    this.#isTransient = o.isTransient;
  }

  /** @throws 'conflict' with reason `shares_unacknowledged` until all have acknowledged, 'unavailable'. @source protocol.md §10.3 */
  async require(barrier: Barrier, configuration: SealConfiguration): Promise<void> {
    const { gen, n } = configuration;
    if (this.#isTransient || this.#completeGeneration === gen) return;
    const { length: have } = await this.acknowledged(barrier, configuration);
    if (have < n) {
      throw conflict(
        'shares_unacknowledged',
        `Nothing is stored before every admin has checked its share: ${have} of ${n} have ("letterlock share check")`,
      );
    }
    this.#completeGeneration = gen;
  }

  /** Ids of the admins that have acknowledged. @throws 'unavailable' */
  async acknowledged(barrier: Barrier, configuration: SealConfiguration): Promise<readonly string[]> {
    if (this.#completeGeneration === configuration.gen) return configuration.admins.map(({ id }) => id);
    return acknowledgedAdmins(this.#store, barrier, configuration);
  }
}
