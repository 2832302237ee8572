/**
 * What the server checks of an envelope before it stores it (protocol.md §5.3): writer, time, recipient and its current key.
 * It must never open a slot.
 * @module
 */
import { verifyEnvelope, type Keyset, type ReadEnvelope } from '@letterlock/crypto';
import { lifetimes, ProblemError, type EnvelopeHeader, type OnceHeader, type PublicJwk } from '@letterlock/protocol';
import type { Permitted } from '../policy/permitted.ts';

export type CurrentKeyset = (id: string) => Promise<Keyset | undefined>;

export interface CheckedEnvelope {
  readonly header: OnceHeader;
  readonly writerKey: PublicJwk;
}

/** @throws 'bad_envelope' (one text), 'unknown_recipient', 'denied' for a caller without keyset */
export async function checkEnvelope(
  permitted: Permitted<'wrap.store'>,
  read: ReadEnvelope,
  nowSeconds: number,
  currentKeyset: CurrentKeyset,
): Promise<CheckedEnvelope> {
  const { caller, action } = permitted;
  const { header } = read;
  if (action.id !== header.id || action.path !== header.path || action.writer !== header.wrt) {
    throw new TypeError('Cannot store: the permission is for another envelope');
  }
  const violation = violations.find(({ isBroken }) => isBroken(header, caller.id, nowSeconds));
  if (violation !== undefined) throw new ProblemError('bad_envelope', { reason: violation.reason });
  const keyset = caller.keyset ?? (await currentKeyset(caller.id));
  if (keyset === undefined) throw new ProblemError('denied', { reason: 'writer_not_registered' });
  verifyEnvelope(read, keyset.sig);
  await checkRecipients(read, nowSeconds, currentKeyset);
  return { header: header as OnceHeader, writerKey: keyset.sig.jwk };
}

interface Violation {
  readonly reason: string;
  readonly isBroken: (header: EnvelopeHeader, callerId: string, nowSeconds: number) => boolean;
}

/** First violation wins. The first three are forms that later versions serve. */
const violations: readonly Violation[] = [
  { reason: 'kind_not_served', isBroken: ({ kind }) => kind !== 'once' },
  { reason: 'mode_not_served', isBroken: ({ mode }) => mode !== 'e2e' },
  { reason: 'stream_not_served', isBroken: ({ enc }) => enc !== 'inline' },
  { reason: 'writer_is_not_caller', isBroken: ({ wrt }, callerId) => wrt !== callerId },
  {
    reason: 'issued_at_skew',
    isBroken: ({ iat }, _, nowSeconds) => Math.abs(iat - nowSeconds) > lifetimes.issuedAtSkew,
  },
  { reason: 'envelope_expired', isBroken: ({ exp }, _, nowSeconds) => exp === undefined || exp <= nowSeconds },
];

/**
 * Each `k:` recipient is known, and its slot is for its *current* key: a key that was stolen and rotated out receives nothing
 * new. Recipients are identities, never encryption keys, which anybody may put in a keyset (T-32).
 */
async function checkRecipients(read: ReadEnvelope, nowSeconds: number, currentKeyset: CurrentKeyset): Promise<void> {
  for (const [index, recipient] of read.header.rcp.entries()) {
    const keyset = await currentKeyset(recipient.slice('k:'.length));
    if (keyset === undefined || (keyset.exp !== undefined && keyset.exp <= nowSeconds)) {
      throw new ProblemError('unknown_recipient', { reason: 'recipient_not_registered' });
    }
    if (read.slotKids[index] !== keyset.enc.thumbprint) {
      throw new ProblemError('unknown_recipient', { reason: 'recipient_key_not_current' });
    }
  }
}
