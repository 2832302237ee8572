/**
 * Follows the other replicas, more than once a second: a seal anywhere is a seal here, and what they changed is forgotten here.
 * It must never go on using what it remembers when it could not ask.
 * @module
 */
import {
  forgetChanged,
  forgetEverything,
  NewsFollower,
  type Clock,
  type Installation,
  type KeptAnswers,
  type Store,
} from '@letterlock/core';
import { isProblemError } from '@letterlock/protocol';
import type { Logger } from 'pino';
import { repeat } from './background.ts';

export interface FollowReplicasOptions {
  readonly installation: Pick<Installation, 'onUnsealed' | 'onSealed' | 'forgetOldShares' | 'followEpoch'>;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the current unsealed period; undefined while sealed. */
  readonly kept: () => KeptAnswers | undefined;
}

/**
 * Counted from the end of the last look. A seal at one replica holds at the others within this time and that of two looks:
 * within a second as long as a look takes less than 150 ms, some fifty times what it takes.
 */
const everyMilliseconds = 700;
/** A look that takes longer has failed. */
const lookMilliseconds = 2000;

/** Starts following. @returns stops it */
export function followReplicas(o: FollowReplicasOptions): () => Promise<void> {
  const { installation, store, clock, log } = o;
  let follower: NewsFollower | undefined;
  let isFollowing = true;
  installation.onUnsealed(({ barrier, audit }) => {
    follower = new NewsFollower({ store, barrier, clock, replica: audit.replica });
  });
  installation.onSealed(() => (follower = undefined));

  return repeat({
    everyMilliseconds,
    run: async (stopped) => {
      const signal = AbortSignal.any([stopped, AbortSignal.timeout(lookMilliseconds)]);
      installation.forgetOldShares();
      await installation.followEpoch({ signal });
      const current = follower;
      const kept = o.kept();
      if (current !== undefined && kept !== undefined) {
        const news = await current.look({ signal });
        forgetChanged(news, kept);
        for (const { act, rep } of news.records) {
          if (act === 'unseal') log.info({ replica: rep }, 'Another replica was unsealed');
        }
      }
      isFollowing = true;
      return undefined;
    },
    onError: (error) => {
      // Sealed meanwhile: nothing is kept any more.
      if (isProblemError(error) && error.code === 'sealed') return;
      const kept = o.kept();
      if (kept !== undefined) forgetEverything(kept);
      // Once for each time that the store is away.
      if (isFollowing) log.error({ error }, 'Could not ask what other replicas have changed');
      isFollowing = false;
    },
  });
}
