/**
 * What the server checks of an envelope before it stores it (protocol.md §5.3): writer, time, recipient and its current key.
 * It must never open a slot.
 * @module
 */
import { verifyEnvelope, type Keyset, type ReadEnvelope } from '@letterlock/crypto';
import { lifetimes, ProblemError, type EnvelopeHeader, type OnceHeader, type PublicJwk } from '@letterlock/protocol';
import type { Permitted } from '../policy/permitted.ts';
import { modeViolation, type BindingSupport } from './binding-slot.ts';

export type CurrentKeyset = (id: string) => Promise<Keyset | undefined>;

/** Header of one kind of envelope. */
export type HeaderOf<K extends EnvelopeHeader['kind']> = K extends 'once' ? OnceHeader : EnvelopeHeader;

export interface CheckedEnvelope<K extends EnvelopeHeader['kind']> {
  readonly header: HeaderOf<K>;
  readonly writerKey: PublicJwk;
}

/** @param kind - what this route stores. @throws 'bad_envelope' (one text), 'unknown_recipient', 'denied' for a caller without keyset */
export async function checkEnvelope<K extends EnvelopeHeader['kind']>(
  kind: K,
  permitted: Permitted<'wrap.store' | 'secret.write'>,
  read: ReadEnvelope,
  nowSeconds: number,
  currentKeyset: CurrentKeyset,
  bindings?: BindingSupport,
): Promise<CheckedEnvelope<K>> {
  const { caller, action } = permitted;
  const { header } = read;
  if (action.id !== header.id || action.path !== header.path || action.writer !== header.wrt) {
    throw new TypeError('Cannot store: the permission is for another envelope');
  }
  const violation = violations.find(({ isBroken }) => isBroken(header, { kind, callerId: caller.id, nowSeconds }));
  const reason = violation?.reason ?? modeViolation(header, bindings);
  if (reason !== undefined) throw new ProblemError('bad_envelope', { reason });
  const keyset = caller.keyset ?? (await currentKeyset(caller.id));
  if (keyset === undefined) throw new ProblemError('denied', { reason: 'writer_not_registered' });
  verifyEnvelope(read, keyset.sig);
  await checkRecipients(read, nowSeconds, currentKeyset);
  await checkBindingKey(read, bindings);
  return { header: header as HeaderOf<K>, writerKey: keyset.sig.jwk };
}

interface Circumstances {
  readonly kind: EnvelopeHeader['kind'];
  readonly callerId: string;
  readonly nowSeconds: number;
}
interface Violation {
  readonly reason: string;
  readonly isBroken: (header: EnvelopeHeader, circumstances: Circumstances) => boolean;
}

/** First violation wins. The second is a form that later versions serve. */
const violations: readonly Violation[] = [
  { reason: 'kind_not_served', isBroken: (header, { kind }) => header.kind !== kind },
  { reason: 'stream_not_served', isBroken: ({ enc }) => enc !== 'inline' },
  { reason: 'writer_is_not_caller', isBroken: ({ wrt }, { callerId }) => wrt !== callerId },
  {
    reason: 'issued_at_skew',
    isBroken: ({ iat }, { nowSeconds }) => Math.abs(iat - nowSeconds) > lifetimes.issuedAtSkew,
  },
  // A header of kind `once` always has an expiry.
  { reason: 'envelope_expired', isBroken: ({ exp }, { nowSeconds }) => exp !== undefined && exp <= nowSeconds },
];

/**
 * Each `k:` recipient is known, and its slot is for its *current* key: a key that was stolen and rotated out receives nothing
 * new. Recipients are identities, never encryption keys, which anybody may put in a keyset (T-32).
 */
async function checkRecipients(read: ReadEnvelope, nowSeconds: number, currentKeyset: CurrentKeyset): Promise<void> {
  const { rcp, mode } = read.header;
  // The binding's slot, if there is one, is the first.
  const offset = mode === 'svc' ? 1 : 0;
  for (const [index, id] of rcp.filter((entry) => entry.startsWith('k:')).entries()) {
    const keyset = await currentKeyset(id.slice('k:'.length));
    if (keyset === undefined || (keyset.exp !== undefined && keyset.exp <= nowSeconds)) {
      throw new ProblemError('unknown_recipient', { reason: 'recipient_not_registered' });
    }
    if (read.slotKids[index + offset] !== keyset.enc.thumbprint) {
      throw new ProblemError('unknown_recipient', { reason: 'recipient_key_not_current' });
    }
  }
}

/** The first slot of what is written for a binding is for the binding's newest key. */
async function checkBindingKey(
  { header, slotKids }: ReadEnvelope,
  bindings: BindingSupport | undefined,
): Promise<void> {
  if (header.bnd === undefined || bindings === undefined) return;
  const [namespace = '', name = ''] = header.bnd.split('/');
  const current = await bindings.keys.currentOf(namespace, name);
  if (current === undefined) throw new ProblemError('unknown_recipient', { reason: 'binding_key_absent' });
  if (slotKids[0] !== current.kid) throw new ProblemError('unknown_recipient', { reason: 'binding_key_not_current' });
}
