/**
 * Writes the start of this very process down as one that has the KEK, so that nobody else is given it in its name.
 * It must never replace what was written before: that another process was there first is what has to be told.
 * @module
 */
import { hash43 } from '@letterlock/crypto';
import { canonicalize } from '@letterlock/protocol';
import type { Barrier } from '../store/barrier.ts';
import type { Store } from '../store/store.ts';
import type { BootAttestor } from './attestation.ts';
import { openPeerGrant, peerGrantKey, sealPeerGrant } from './peer-grants.ts';
import { sealedProblem } from './seal-problems.ts';
import { systemPaths } from './system-records.ts';

/** `claimed`: by this process, now or before; `taken`: by one with other boot keys. */
export type OwnStart = 'claimed' | 'taken';

/**
 * Who has stolen what a replica proves its pod with could ask for the KEK with boot keys of his own, if no peer has unsealed it.
 * @throws 'denied' while nothing attests this process yet, 'sealed' after a seal, 'unavailable'
 */
export async function claimOwnStart(o: {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly attestor: BootAttestor;
  readonly boot: string;
  readonly epochRevision: number;
  readonly nowSeconds: number;
}): Promise<OwnStart> {
  const { store, barrier, attestor, boot, epochRevision: epoch } = o;
  const { instance, start } = await attestor.verify({ boot, token: await attestor.present(boot) });
  const of = hash43(canonicalize({ epoch, instance, start }));
  const key = peerGrantKey(barrier, of);
  const epochKey = barrier.keyOf(systemPaths.epoch);
  const grant = { at: o.nowSeconds, boot, epoch, n: 1, of, v: 1 } as const;
  const { succeeded, entries } = await store.transact({
    compare: [
      { key, field: 'mod', is: '=', revision: 0 },
      { key: epochKey, field: 'mod', is: '=', revision: epoch },
    ],
    then: [{ do: 'put', key, value: sealPeerGrant(barrier, grant) }],
    otherwise: [{ do: 'get', key }],
  });
  if (succeeded) return 'claimed';
  const [before] = entries;
  // Then it was the epoch: somebody has sealed.
  if (before === undefined) throw sealedProblem();
  return openPeerGrant(barrier, of, before.value).boot === boot ? 'claimed' : 'taken';
}
