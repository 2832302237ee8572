/**
 * Destroys every version of every secret that lies directly below a path, for a binding whose time is over.
 * It must never delete a record: what is left proves how each version ended.
 * @module
 */
import { ProblemError } from '@letterlock/protocol';
import { commitChange } from '../audit/commit-change.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { Entry } from '../store/store.ts';
import {
  childrenPrefix,
  envelopePath,
  openChild,
  openVersion,
  putVersion,
  versionsPrefix,
  type VersionRecord,
} from './secret-record.ts';
import type { SecretSweeperOptions } from './secret-sweeper.ts';

const pageRecords = 100;

/** Once more destroys nothing more. @param parent - `k8s/<namespace>/<binding>` @throws 'unavailable' also where somebody wrote meanwhile */
export async function purgeBelow(o: SecretSweeperOptions, parent: string): Promise<void> {
  for await (const entry of entriesOf(o, childrenPrefix(o.barrier, parent))) {
    const { path, ver } = openChild(o.barrier, parent, entry);
    if (ver === undefined) continue;
    for await (const version of entriesOf(o, versionsPrefix(o.barrier, path))) await destroy(o, path, version);
  }
}

async function* entriesOf({ store }: Pick<SecretSweeperOptions, 'store'>, prefix: string): AsyncIterable<Entry> {
  for (let after: string | undefined, hasMore = true; hasMore;) {
    const page = await store.range({ prefix, limit: pageRecords, ...(after === undefined ? {} : { after }) });
    yield* page.entries;
    after = page.entries.at(-1)?.key;
    hasMore = page.hasMore && after !== undefined;
  }
}

async function destroy(o: SecretSweeperOptions, path: string, entry: Entry): Promise<void> {
  const { store, barrier, audit, clock, live } = o;
  const { record, revision } = openVersion(barrier, path, entry);
  if (record?.s !== 'STORED') return;
  const { wkey: _, ...kept } = record;
  const destroyed: VersionRecord = { ...kept, at: clock.nowSeconds(), s: 'DESTROYED' };
  const { isApplied } = await commitChange(store, audit, factsOf(path, record.ver), {
    compare: [{ key: entry.key, field: 'mod', is: '=', revision }],
    then: [putVersion(barrier, destroyed), { do: 'delete', key: barrier.keyOf(envelopePath(path, record.ver)) }],
  });
  if (!isApplied) throw new ProblemError('unavailable', { reason: 'store_contention' });
  live.release(record.wrt, entry.key);
}

function factsOf(path: string, ver: number): AuditFacts {
  return {
    act: 'binding.purge',
    who: 'service',
    factor: 'service',
    listener: 'none',
    cb: 'none',
    obj: `secret/${path}#${ver}`,
    outcome: 'ok',
    reason: 'ok',
    req: 'binding',
  };
}
