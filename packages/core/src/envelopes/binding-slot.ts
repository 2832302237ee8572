/**
 * The slot of an envelope that was written for a binding (protocol.md §5.3, mode svc): what is checked when it is stored, and
 * in which order before the service opens it. It must never touch a private key for a slot whose own header does not say
 * that its creator meant this very envelope, binding and reader (T-14, T-34).
 * @module
 */
import { isCommittedTo, openJwe, readHeader, type OpeningKey, type SecretBytes } from '@letterlock/crypto';
import {
  isReservedPath,
  parseJwe,
  ProblemError,
  readBindingPath,
  typ,
  type EnvelopeHeader,
} from '@letterlock/protocol';
import type { StoredEnvelope } from './delivery-answer.ts';

/** The keys of bindings, as far as envelopes need them. */
export interface BindingSlotKeys {
  /** The newest; undefined where the binding has none. */
  currentOf(namespace: string, name: string): Promise<{ readonly kid: string } | undefined>;
  /** @param bnd - `<namespace>/<name>` @returns undefined unless it is a key of this binding, of whatever generation */
  openingKeyOf(bnd: string, kid: string): Promise<OpeningKey | undefined>;
}

/** What an installation with bindings has. */
export interface BindingSupport {
  readonly trustDomain: string;
  readonly keys: BindingSlotKeys;
}

const slotCharacters = 8192;
const fileKeyBytes = 32;

/** Whether an envelope is for a binding, by the name of its first recipient. */
export function isForBinding({ rcp }: { readonly rcp: readonly string[] }): boolean {
  return rcp[0]?.startsWith('spiffe:') === true;
}

/** `<namespace>/<name>` of the binding that a secret's path belongs to; undefined for any other path. */
export function bindingOfPath(path: string): string | undefined {
  const place = readBindingPath(path);
  return place?.secret === undefined ? undefined : `${place.namespace}/${place.binding}`;
}

/** What speaks against a header's mode, path, binding and recipients taken together; undefined for nothing. */
export function modeViolation(header: EnvelopeHeader, support: BindingSupport | undefined): string | undefined {
  const { mode, path, bnd, rcp } = header;
  // Each of the two is only where the other is: rights there come from bindings, and from nothing else.
  if ((mode === 'svc') !== isReservedPath(path)) return 'mode_not_served';
  if (mode === 'e2e') return undefined;
  if (support === undefined) return 'mode_not_served';
  if (bnd === undefined || bnd !== bindingOfPath(path)) return 'binding_not_of_path';
  const [namespace] = bnd.split('/');
  const own = `spiffe://${support.trustDomain}/ns/${namespace}/sa/`;
  return rcp.every((entry) => entry.startsWith('k:') || entry.startsWith(own)) ? undefined : 'recipient_elsewhere';
}

/** A slot whose header says that it may be opened for this reader, with the key that opens it. */
export interface OpenableSlot {
  readonly slot: string;
  readonly key: OpeningKey;
  readonly eh: string;
  readonly header: EnvelopeHeader;
}

/**
 * Everything that is asked before the private key is used, in the order of the protocol.
 * @param receivesAs - of the permission: the reader's name, if the live binding selects its pod
 * @throws 'internal' for a slot that its creator did not put here, 'not_found' for all else
 */
export async function findOpenableSlot(
  stored: StoredEnvelope,
  receivesAs: (bnd: string) => string | undefined,
  { keys }: Pick<BindingSupport, 'keys'>,
): Promise<OpenableSlot> {
  const { header, eh } = readHeader(stored.hdr);
  const { bnd, rcp } = header;
  const [slot] = stored.slots;
  const slotHeader = parseJwe(slot, typ.slot, slotCharacters).header;
  if (slotHeader.eh !== eh) throw new ProblemError('internal', { reason: 'slot_of_another_envelope' });
  if (bnd === undefined || bnd !== bindingOfPath(header.path)) {
    throw new ProblemError('internal', { reason: 'binding_not_of_path' });
  }
  const selector = receivesAs(bnd);
  if (selector === undefined || !rcp.includes(selector)) {
    throw new ProblemError('not_found', { reason: 'not_a_recipient' });
  }
  const key = await keys.openingKeyOf(bnd, slotHeader.kid!);
  if (key === undefined) throw new ProblemError('not_found', { reason: 'binding_key_dead' });
  return { slot, key, eh, header };
}

/** The file key; the caller disposes of it. @throws 'internal' for what its creator did not make */
export async function openBindingSlot({ slot, key, eh, header }: OpenableSlot): Promise<SecretBytes> {
  const { header: opened, plaintext: fileKey } = await openJwe(slot, { typ: typ.slot, key }).catch((cause: unknown) => {
    throw new ProblemError('internal', { reason: 'slot_open', cause });
  });
  const isRight = opened.eh === eh && fileKey.lengthBytes === fileKeyBytes && isCommittedTo(fileKey, header);
  if (isRight) return fileKey;
  fileKey[Symbol.dispose]();
  throw new ProblemError('internal', { reason: 'file_key_commitment' });
}
