/**
 * What is kept of a pod beside its row and the starts of its agent: its certificates, and what it was given. People look at it.
 * No right may ever rest on it, and nothing of it may outlive the pod.
 * @module
 */
import { deliveriesPrefix, deliveriesPrefixOf, openDeliveryRecord } from '../envelopes/delivery-record.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Store } from '../store/store.ts';
import { chainKey, putChain, rowKey, type ChainRecord } from './workload-record.ts';

type Place = { readonly store: Store; readonly barrier: Barrier };

const pageRecords = 500;
/** Operations of one transaction; etcd takes 128. */
const deletedAtOnce = 100;

/** Keeps the certificates while the pod has a row. @throws 'unavailable' */
export async function keepChain({ store, barrier }: Place, record: Omit<ChainRecord, 'v'>): Promise<void> {
  await store.transact({
    compare: [{ key: rowKey(barrier, record.uid), field: 'create', is: '>', revision: 0 }],
    then: [putChain(barrier, { ...record, v: 1 })],
  });
}

/** Deletes everything of a pod. @throws 'unavailable' */
export async function deleteTraces({ store, barrier }: Place, podUid: string): Promise<void> {
  const prefix = deliveriesPrefixOf(barrier, podUid);
  for (let hasMore = true; hasMore;) {
    const page = await store.range({ prefix, limit: deletedAtOnce });
    const then = page.entries.map(({ key }) => ({ do: 'delete', key }) as const);
    if (then.length > 0) await store.transact({ compare: [], then });
    hasMore = page.hasMore && then.length > 0;
  }
  const key = chainKey(barrier, podUid);
  const [chain] = (await store.range({ key })).entries;
  if (chain !== undefined) await store.transact({ compare: [], then: [{ do: 'delete', key }] });
}

/**
 * Pods that were given something before a time and are none of these: what is kept of them is to be deleted.
 * @throws 'unavailable'
 */
export async function findLeftPods(
  { store, barrier }: Place,
  o: { readonly podUids: ReadonlySet<string>; readonly beforeSeconds: number },
): Promise<ReadonlySet<string>> {
  const left = new Set<string>();
  for (let after: string | undefined, hasMore = true; hasMore;) {
    const request = { prefix: deliveriesPrefix(barrier), limit: pageRecords };
    const page = await store.range({ ...request, ...(after === undefined ? {} : { after }) });
    for (const entry of page.entries) {
      const { uid, at } = openDeliveryRecord(barrier, entry);
      if (!o.podUids.has(uid) && at < o.beforeSeconds) left.add(uid);
    }
    after = page.entries.at(-1)?.key;
    hasMore = page.hasMore && after !== undefined;
  }
  return left;
}
