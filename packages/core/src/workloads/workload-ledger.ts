/**
 * What is stored about pods, for the one replica that shows it to people: who is enrolled, with which certificates, and what
 * each was given. It reads what changed since the last look, whichever replica did it. No right may ever rest on it.
 * @module
 */
import { deliveriesPrefix, openDeliveryRecord, type DeliveryRecord } from '../envelopes/delivery-record.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Entry, Store } from '../store/store.ts';
import { chainsPrefix, openChain, openRow, rowsPrefix, type ChainRecord, type WorkloadRow } from './workload-record.ts';

/** Of one pod. */
export interface PodRecords {
  readonly row: WorkloadRow | undefined;
  /** Certificates of the row's key; undefined while they are of another. */
  readonly chain: readonly string[] | undefined;
  readonly deliveries: readonly DeliveryRecord[];
}

const pageRecords = 500;

export class WorkloadLedger {
  readonly #rows: Followed<WorkloadRow>;
  readonly #chains: Followed<ChainRecord>;
  readonly #deliveries: Followed<DeliveryRecord>;

  constructor({ store, barrier }: { readonly store: Store; readonly barrier: Barrier }) {
    this.#rows = new Followed(store, rowsPrefix(barrier), (entry) => openRow(barrier, entry));
    this.#chains = new Followed(store, chainsPrefix(barrier), (entry) => openChain(barrier, entry));
    this.#deliveries = new Followed(store, deliveriesPrefix(barrier), (entry) => openDeliveryRecord(barrier, entry));
  }

  /** @returns UIDs of pods of which something changed. One call at a time. @throws 'unavailable', 'internal' */
  async look(): Promise<ReadonlySet<string>> {
    const changed = new Set<string>();
    for (const followed of [this.#rows, this.#chains, this.#deliveries]) await followed.look(changed);
    return changed;
  }

  /** As of the last look. */
  of(podUid: string): PodRecords {
    const [row] = this.#rows.of(podUid);
    const [chain] = this.#chains.of(podUid);
    return {
      row,
      chain: chain !== undefined && chain.kid === row?.kid ? chain.chain : undefined,
      deliveries: [...this.#deliveries.of(podUid)],
    };
  }
}

interface Kept<R> {
  readonly revision: number;
  readonly record: R;
}

/** Records under one prefix, each opened once for each change of it. */
class Followed<R extends { readonly uid: string }> {
  readonly #store: Store;
  readonly #prefix: string;
  readonly #open: (entry: Entry) => R;
  #byKey = new Map<string, Kept<R>>();
  readonly #byPod = new Map<string, Map<string, R>>();

  constructor(store: Store, prefix: string, open: (entry: Entry) => R) {
    this.#store = store;
    this.#prefix = prefix;
    this.#open = open;
  }

  of(podUid: string): Iterable<R> {
    return this.#byPod.get(podUid)?.values() ?? [];
  }

  async look(changed: Set<string>): Promise<void> {
    const found = new Map<string, Kept<R>>();
    for (let after: string | undefined, hasMore = true; hasMore;) {
      const request = { prefix: this.#prefix, limit: pageRecords, ...(after === undefined ? {} : { after }) };
      const page = await this.#store.range(request);
      for (const entry of page.entries) {
        const before = this.#byKey.get(entry.key);
        const isSame = before?.revision === entry.modRevision;
        found.set(entry.key, isSame ? before : { revision: entry.modRevision, record: this.#open(entry) });
      }
      after = page.entries.at(-1)?.key;
      hasMore = page.hasMore && after !== undefined;
    }
    for (const [key, { record }] of this.#byKey) if (!found.has(key)) this.#drop(key, record, changed);
    for (const [key, kept] of found) if (this.#byKey.get(key) !== kept) this.#put(key, kept.record, changed);
    this.#byKey = found;
  }

  #put(key: string, record: R, changed: Set<string>): void {
    const records = this.#byPod.get(record.uid) ?? new Map<string, R>();
    this.#byPod.set(record.uid, records.set(key, record));
    changed.add(record.uid);
  }

  #drop(key: string, { uid }: R, changed: Set<string>): void {
    const records = this.#byPod.get(uid);
    records?.delete(key);
    if (records?.size === 0) this.#byPod.delete(uid);
    changed.add(uid);
  }
}
