/**
 * Pages of names and of versions. Their order is that of the store's hidden keys, which says nothing.
 * It must never show a name that none of the caller's grants touches.
 * @module
 */
import {
  type ListSecretsRequest,
  type ListSecretsResponse,
  type SecretVersionsRequest,
  type SecretVersionsResponse,
} from '@letterlock/protocol';
import type { Permitted } from '../policy/permitted.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { Store } from '../store/store.ts';
import {
  childKey,
  childrenPrefix,
  listedName,
  openChild,
  openVersion,
  versionKey,
  versionsPrefix,
  type Child,
} from './secret-record.ts';
import { stateOf } from './version-state.ts';

type Shown = Pick<Permitted<'secret.list'>, 'allows' | 'mayList'>;

/** One page of what lies directly below a path. */
export async function listChildren(
  { store, barrier }: { readonly store: Store; readonly barrier: Barrier },
  shown: Shown,
  { path, after, limit }: ListSecretsRequest & { readonly limit: number },
): Promise<ListSecretsResponse> {
  const { entries, hasMore } = await store.range({
    prefix: childrenPrefix(barrier, path),
    limit,
    ...(after === undefined ? {} : { after: childKey(barrier, path, after) }),
  });
  const children = entries.map((entry) => openChild(barrier, path, entry));
  const items = children
    .filter((child) => isShown(child, shown))
    .map(({ path: childPath, ver }) => ({
      name: listedName(path, childPath),
      ...(ver === undefined ? {} : { ver }),
    }));
  const last = children.at(-1);
  return { items, ...(hasMore && last !== undefined ? { next: listedName(path, last.path) } : {}) };
}

/** A secret is shown to whom a grant covers it; a folder also to whom one covers something in it. */
function isShown({ path, ver }: Child, { allows, mayList }: Shown): boolean {
  if (ver === undefined) return mayList(path.slice(0, -1));
  return allows('list', path) || allows('read', path) || allows('write', path);
}

/** One page of the versions of a secret. */
export async function listVersions(
  { store, barrier, clock }: { readonly store: Store; readonly barrier: Barrier; readonly clock: Clock },
  { path, after, limit }: SecretVersionsRequest & { readonly limit: number },
): Promise<SecretVersionsResponse> {
  const { entries, hasMore } = await store.range({
    prefix: versionsPrefix(barrier, path),
    limit,
    ...(after === undefined ? {} : { after: versionKey(barrier, path, after) }),
  });
  const nowSeconds = clock.nowSeconds();
  const items = entries.map((entry) => {
    const { record } = openVersion(barrier, path, entry);
    const { ver, wrt, exp } = record!;
    return { ...stateOf(record!, nowSeconds), ver, wrt, ...(exp === undefined ? {} : { exp }) };
  });
  const last = items.at(-1);
  return { items, ...(hasMore && last !== undefined ? { next: last.ver } : {}) };
}
