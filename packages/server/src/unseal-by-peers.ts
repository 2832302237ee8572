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

const soonMilliseconds = 50;
const againMilliseconds = 2000;

/** Starts asking. @returns stops it */
export function unsealByPeers(o: {
  readonly installation: Installation;
  readonly peers: readonly Peer[];
  readonly log: Logger;
  /** Told of each question. */
  readonly asked: (outcome: 'unsealed' | 'failed') => void;
}): () => Promise<void> {
  const { installation, peers, log } = o;
  /** Why each one did not, as it was last logged. */
  const told = new Map<string, string>();

  async function ask({ address, ask: askPeer }: Peer): Promise<void> {
    try {
      await installation.unsealByPeer(askPeer);
      o.asked('unsealed');
      log.info({ peer: address }, 'Unsealed by a peer');
      told.clear();
    } catch (error) {
      o.asked('failed');
      const { code, reason } = isProblemError(error) ? error : { code: 'internal', reason: undefined };
      const why = `${code} ${reason}`;
      if (told.get(address) !== why) log.warn({ peer: address, code, reason, error }, 'A peer did not unseal');
      told.set(address, why);
    }
  }

  return repeat({
    everyMilliseconds: soonMilliseconds,
    run: async (signal) => {
      for (const peer of peers) {
        if (signal.aborted || installation.state !== 'sealed') break;
        await ask(peer);
      }
      return againMilliseconds;
    },
    onError: (error) => log.error({ error }, 'Could not ask the peers'),
  });
}
