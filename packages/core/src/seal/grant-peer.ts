/**
 * Gives the KEK to another replica: to an attested start, once, while nobody has sealed the installation.
 * It must never let an answer out before its audit record is stored, nor leave a trace of who was not attested.
 * @module
 */
import {
  bootFingerprint,
  hash43,
  importSealingKey,
  sealPeerKek,
  signPeer,
  type SealingKey,
  type SecretBytes,
  type SigningKey,
} from '@letterlock/crypto';
import { canonicalize, ProblemError, type PeerUnsealRequest, type PeerUnsealResponse } from '@letterlock/protocol';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { AuditFacts } from '../audit/record.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { Compare, Entry, Store } from '../store/store.ts';
import type { AttestedBoot, BootAttestor } from './attestation.ts';
import { readBootImages } from './boot-images.ts';
import { commitAudited } from './commit-audited.ts';
import { grantsOfOneStart, openPeerGrant, peerGrantKey, sealPeerGrant } from './peer-grants.ts';
import { readPeerMode } from './peer-mode.ts';
import type { SealConfiguration } from './seal-configuration.ts';
import { refusal, type ReceivedFacts } from './seal-facts.ts';
import { sealedProblem } from './seal-problems.ts';
import { systemPaths } from './system-records.ts';

/** Another replica may be answering in the same moment. */
const attempts = 3;
export interface GrantPeerOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly trail: AuditTrail;
  readonly clock: Clock;
  readonly attestor: BootAttestor;
  readonly configuration: SealConfiguration;
  readonly instanceKey: SigningKey;
  /** @throws 'sealed' when it is gone. */
  readonly kek: () => SecretBytes;
  /** That of `sys/epoch` at which this process is unsealed. */
  readonly epochRevision: number;
  /** Told of each refusal of an attested replica, by the reason of the log. */
  readonly refused?: (replica: RefusedReplica) => void;
}

/** A replica of this installation that got nothing. */
export interface RefusedReplica {
  readonly attested: AttestedBoot;
  readonly reason: string;
}

/** Reason of the log where the quorum has not listed the image of a replica. */
export const imageReason = 'peer_image';

/**
 * @param tls - thumbprint of the key whose possession the TLS handshake has shown.
 * @throws 'bad_key', 'denied' unless attested and allowed, 'image_not_listed', 'sealed' when the installation was sealed meanwhile, 'unavailable'
 */
export async function grantPeer(
  o: GrantPeerOptions,
  request: PeerUnsealRequest,
  tls: string,
  received: ReceivedFacts,
): Promise<PeerUnsealResponse> {
  const to = importSealingKey(request.benc);
  const boot = bootFingerprint(tls, to.thumbprint);
  const attested = await o.attestor.verify({ boot, token: request.token });
  const facts = factsOfPeer(attested, boot, received);
  try {
    return await grant(o, { to, boot, attested, facts });
  } catch (error) {
    const refused = refusal(facts, error);
    if (refused !== undefined && refused.reason !== 'sealed') {
      o.refused?.({ attested, reason: refused.reason });
      await o.trail.record(o.store, refused);
    }
    throw error;
  }
}

interface Asked {
  readonly to: SealingKey;
  readonly boot: string;
  readonly attested: AttestedBoot;
  readonly facts: AuditFacts;
}

async function grant(o: GrantPeerOptions, { to, boot, attested, facts }: Asked): Promise<PeerUnsealResponse> {
  const { store, barrier, trail, configuration, clock } = o;
  const { inst, gen } = configuration;
  const epochKey = barrier.keyOf(systemPaths.epoch);
  const modeKey = barrier.keyOf(systemPaths.peerUnseal);
  // A seal on purpose begins anew: who was granted before it may be granted after the unseal that ends it.
  const { image, instance, start } = attested;
  const of = hash43(canonicalize({ epoch: o.epochRevision, instance, start }));
  const key = peerGrantKey(barrier, of);
  const imagesKey = barrier.keyOf(systemPaths.bootImages);
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const keys = [epochKey, modeKey, imagesKey, key];
    const { entries } = await store.transact({ compare: [], then: keys.map((each) => ({ do: 'get', key: each })) });
    const [epoch, mode, images, before] = entries;
    if ((epoch?.modRevision ?? 0) !== o.epochRevision) throw sealedProblem();
    if (readPeerMode(barrier, mode) !== 'attested') throw new ProblemError('denied', { reason: 'peer_unseal_off' });
    if (image !== undefined && !readBootImages(barrier, images).includes(image)) {
      // Whoever is told has shown that it is a replica: it must be able to say why it stays sealed.
      throw new ProblemError('image_not_listed', { reason: imageReason });
    }
    const n = timesBefore(barrier, of, before, boot) + 1;
    const k = await sealPeerKek({ to, gen, kek: o.kek() });
    const jws = signPeer(o.instanceKey, { boot, gen, inst, k });
    const record = { at: clock.nowSeconds(), boot, epoch: o.epochRevision, n, of, v: 1 } as const;
    const { isApplied } = await commitAudited(store, trail, [facts], {
      compare: [
        isUnchanged(epochKey, epoch),
        isUnchanged(modeKey, mode),
        isUnchanged(imagesKey, images),
        isUnchanged(key, before),
      ],
      then: [{ do: 'put', key, value: sealPeerGrant(barrier, record) }],
    });
    if (isApplied) return { jws };
  }
  throw new ProblemError('unavailable', { reason: 'peer_contended' });
}

/** One start has one pair of boot keys: a second pair is somebody else. */
function timesBefore(barrier: Barrier, of: string, entry: Entry | undefined, boot: string): number {
  if (entry === undefined) return 0;
  const before = openPeerGrant(barrier, of, entry.value);
  if (before.boot !== boot) throw new ProblemError('denied', { reason: 'peer_start_granted' });
  if (before.n >= grantsOfOneStart) throw new ProblemError('denied', { reason: 'peer_granted_too_often' });
  return before.n;
}

function isUnchanged(key: string, entry: Entry | undefined): Compare {
  return { key, field: 'mod', is: '=', revision: entry?.modRevision ?? 0 };
}

function factsOfPeer({ instance }: AttestedBoot, boot: string, received: ReceivedFacts): AuditFacts {
  return {
    act: 'peer.unseal',
    who: instance,
    factor: 'peer',
    listener: received.channel.listener,
    cb: 'key',
    obj: `boot/${boot}`,
    outcome: 'ok',
    reason: 'ok',
    req: received.requestId,
  };
}
