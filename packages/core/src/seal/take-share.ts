/**
 * Counts a share: opened and compared with its commitment first, then kept until enough are there.
 * It must never count two of one admin, nor one that was given before the service was last unsealed or sealed.
 * @module
 */
import type { ProgressResponse } from '@letterlock/protocol';
import type { AuditFacts } from '../audit/record.ts';
import type { Clock } from '../store/clock.ts';
import type { BootKeys } from './boot-keys.ts';
import type { CollectedShare, CollectedShares } from './collected-shares.ts';
import type { SealConfiguration } from './seal-configuration.ts';
import { conflict } from './seal-problems.ts';
import { openGivenShare, type GivenShare } from './unseal-share.ts';

/** As many as are needed. Disposing erases the last one; the others stay collected, so that only its admin must give again. */
export interface CompleteShares extends Disposable {
  readonly shares: readonly CollectedShare[];
}

/** @param o - `requireCurrent` throws if the call was overtaken. @throws as openGivenShare, 'conflict' for a second one of an admin */
export async function takeShare(o: {
  readonly given: GivenShare;
  readonly facts: AuditFacts;
  readonly configuration: SealConfiguration;
  readonly boot: BootKeys;
  readonly clock: Clock;
  readonly collected: CollectedShares;
  readonly requireCurrent: () => void;
}): Promise<ProgressResponse | CompleteShares> {
  const { given, facts, configuration, collected } = o;
  const { id: adminId } = given.admin;
  using owned = new DisposableStack();
  const share = owned.use(await openGivenShare(given, configuration, o.boot));
  // From here to the return nothing else runs.
  o.requireCurrent();
  if (collected.givers.includes(adminId)) {
    throw conflict('share_duplicate', 'The share of this admin is counted already');
  }
  const last = { adminId, share, facts };
  const shares = [...collected.all, last];
  const kept = owned.move();
  if (shares.length >= configuration.k) return { shares, [Symbol.dispose]: () => kept.dispose() };
  collected.keep(last, o.clock.monotonicSeconds());
  return { have: shares.length, k: configuration.k };
}
