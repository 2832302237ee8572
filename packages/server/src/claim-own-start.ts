/**
 * After each unseal writes down that this process has the key, so that nobody is given it in its name; where peers are asked.
 * It must never hold an unseal up: whoever attests may be away.
 * @module
 */
import type { Installation } from '@letterlock/core';
import { isProblemError } from '@letterlock/protocol';
import type { Logger } from 'pino';
import { repeat } from './background.ts';

const everyMilliseconds = 1000;
/** The kubelet's report of a container that was started again may lag: until then this process passes for the one before. */
const mostTaken = 15;

/** Starts with the next unseal. @returns stops it */
export function keepOwnStart(o: {
  readonly installation: Pick<Installation, 'state' | 'onUnsealed' | 'claimOwnStart'>;
  readonly log: Logger;
  /** Default 1 s. */
  readonly everyMilliseconds?: number;
}): () => Promise<void> {
  const { installation, log } = o;
  let taken = 0;
  let isDue = installation.state === 'unsealed';
  let told: string | undefined;
  installation.onUnsealed(() => {
    isDue = true;
    taken = 0;
    told = undefined;
  });
  return repeat({
    everyMilliseconds: o.everyMilliseconds ?? everyMilliseconds,
    run: async () => {
      if (!isDue || installation.state !== 'unsealed') return undefined;
      const outcome = await installation.claimOwnStart();
      taken = outcome === 'taken' ? taken + 1 : 0;
      if (taken > 0 && taken < mostTaken) return undefined;
      isDue = false;
      // Nothing can take it back: the key is with somebody who could prove to be this pod.
      if (outcome === 'taken') log.error('Another process was given the key in the name of this one');
      else log.info('Wrote down the own start');
      return undefined;
    },
    onError: (error) => {
      const { code, reason } = isProblemError(error) ? error : { code: 'internal', reason: undefined };
      const why = `${code} ${reason}`;
      if (told !== why) log.warn({ code, reason, error }, 'Could not write down the own start yet');
      told = why;
    },
  });
}
