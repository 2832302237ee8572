/**
 * Asks the other replicas to unseal this one, again and again while it is sealed.
 * It must never stop an admin from unsealing it, nor fill the log with what does not change.
 * @module
 */
import type { AskPeer, Installation } from '@letterlock/core';
import { isProblemError } from '@letterlock/protocol';
import type { Logger } from 'pino';
import { repeat } from './background.ts';

/** Another replica. */
export interface Peer {
  readonly address: string;
  readonly ask: AskPeer;
}

export interface AskedPeers {
  /** Whether a peer has said, in the last round of questions, that the image of this replica is not listed. */
  readonly isImageUnlisted: () => boolean;
  readonly stop: () => Promise<void>;
}

const soonMilliseconds = 50;
const againMilliseconds = 2000;
/** Each question that is refused is in the audit trail, and people are slower than two seconds. */
const unlistedMilliseconds = 10_000;
const unlisted = 'image_not_listed';
const fix = 'k admins sign "letterlock quorum images" with its digest, or unseal it by hand';

/** Starts asking. */
export function unsealByPeers(o: {
  readonly installation: Installation;
  readonly peers: readonly Peer[];
  readonly log: Logger;
  /** Told of each question. */
  readonly asked: (outcome: 'unsealed' | 'failed') => void;
}): AskedPeers {
  const { installation, peers, log } = o;
  /** Why each one did not, as it was last logged. */
  const told = new Map<string, string>();
  let isImageUnlisted = false;

  /** @returns the code of its refusal; undefined once unsealed */
  async function ask({ address, ask: askPeer }: Peer): Promise<string | undefined> {
    try {
      await installation.unsealByPeer(askPeer);
      o.asked('unsealed');
      log.info({ peer: address }, 'Unsealed by a peer');
      told.clear();
      return undefined;
    } catch (error) {
      o.asked('failed');
      const { code, reason } = isProblemError(error) ? error : { code: 'internal', reason: undefined };
      const why = `${code} ${reason}`;
      if (told.get(address) !== why) {
        log.warn({ peer: address, code, reason, error }, 'A peer did not unseal');
        if (code === unlisted) log.error({ peer: address, fix }, 'The image of this replica is not listed');
      }
      told.set(address, why);
      return code;
    }
  }

  const stop = repeat({
    everyMilliseconds: soonMilliseconds,
    run: async (signal) => {
      const refusals: (string | undefined)[] = [];
      for (const peer of peers) {
        if (signal.aborted || installation.state !== 'sealed') break;
        refusals.push(await ask(peer));
      }
      isImageUnlisted = refusals.includes(unlisted);
      return isImageUnlisted ? unlistedMilliseconds : againMilliseconds;
    },
    onError: (error) => log.error({ error }, 'Could not ask the peers'),
  });
  return { isImageUnlisted: () => isImageUnlisted, stop };
}
