/**
 * What exists only while unsealed: the barrier, the instance key, the statements and the transcript of the ceremony.
 * It must never be kept after the seal.
 * @module
 */
import { publicOf, signJws, verifyCheckpoint, type SigningKey, type VerifyingKey } from '@letterlock/crypto';
import { isProblemError, lifetimes, typ } from '@letterlock/protocol';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { KeyringBarrier } from './keyring-barrier.ts';
import type { SealConfiguration } from './seal-configuration.ts';
import { StatementCache } from './statement-cache.ts';

/** What the service works with while unsealed. The barrier stops working at the seal; drop the rest then. */
export interface Unsealed {
  readonly inst: string;
  readonly generation: number;
  readonly barrier: Barrier;
  readonly instanceKey: SigningKey;
  /** The one trail of this process: a second one would give the same numbers again. */
  readonly audit: AuditTrail;
}

export interface Opened {
  readonly unsealed: Unsealed;
  readonly barrier: KeyringBarrier;
  readonly statements: StatementCache;
  /** Admins whose shares unsealed it; none after an automatic initialisation. */
  readonly givers: readonly string[];
  /** `letterlock-transcript+jws`: continuity of the instance key, shown to the givers. */
  readonly transcript: string | undefined;
  /** End of the transcript on the monotonic clock, seconds. */
  readonly transcriptUntil: number;
}

/** @param o - `revision`: that of the transaction which recorded the unseal. @source protocol.md §10.4 */
export function openedWith(o: {
  readonly configuration: SealConfiguration;
  readonly barrier: KeyringBarrier;
  readonly audit: AuditTrail;
  readonly boot: string;
  readonly clock: Clock;
  readonly givers: readonly string[];
  readonly revision: number;
  /** The last checkpoint as it is in the store. */
  readonly checkpoint: Uint8Array | undefined;
}): Opened {
  const { barrier, clock, givers, boot } = o;
  const { inst, gen, td } = o.configuration;
  const { instanceKey } = barrier.keyring;
  const ckpt = ownCheckpoint(o.checkpoint, publicOf(instanceKey));
  const claims = {
    admins: givers,
    boot,
    ...(ckpt === undefined ? {} : { ckpt }),
    gen,
    rev: o.revision,
    t: clock.nowSeconds(),
  };
  return {
    unsealed: { inst, generation: gen, barrier, instanceKey, audit: o.audit },
    barrier,
    statements: new StatementCache({ key: instanceKey, names: { inst, td }, clock }),
    givers,
    transcript: givers.length === 0 ? undefined : signJws({ typ: typ.transcript, key: instanceKey, claims }),
    transcriptUntil: clock.monotonicSeconds() + lifetimes.transcript,
  };
}

/** A checkpoint that is not of this instance says nothing; who writes the next one raises the alarm. */
export function ownCheckpoint(value: Uint8Array | undefined, instanceKey: VerifyingKey): string | undefined {
  if (value === undefined) return undefined;
  const jws = new TextDecoder().decode(value);
  try {
    verifyCheckpoint(jws, instanceKey);
    return jws;
  } catch (error) {
    if (isProblemError(error)) return undefined;
    throw error;
  }
}
