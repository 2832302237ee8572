/**
 * Opens and acknowledges a secret that opens once: the claim is in the pod's volume before it is sent, the content before it
 * is acknowledged. It must never open again what an earlier start has placed, nor take an answer that another was given too.
 * @module
 */
import type { Identity } from '@letterlock/client';
import {
  decodeContent,
  decodeSecretMap,
  generateOpeningKey,
  hash43,
  openDelivery,
  randomIdentifier,
  secretMapType,
  verifyReceipt,
  type OpeningKey,
} from '@letterlock/crypto';
import {
  canonicalize,
  deliveryResponse,
  isProblemError,
  ProblemError,
  readClaims,
  receiptResponse,
  type JcsObject,
} from '@letterlock/protocol';
import type { Link } from '../membership.ts';
import { secretPathOf } from '../read-secret.ts';
import type { HeldSecret } from '../secret-store.ts';
import type { OnceFolder, SecretName } from './once-folder.ts';

/** A secret that is one wrap now. */
export interface OnceOffer extends SecretName {
  /** Id of the wrap. */
  readonly wrap: string;
}

export interface OpenOnceOptions {
  readonly link: Link;
  readonly identity: Identity;
  readonly selector: string;
  readonly namespace: string;
  readonly folder: OnceFolder;
  readonly signal: AbortSignal;
}

/** What the service says has become of a wrap, to somebody who is refused it. */
export interface RefusedOpening {
  readonly state: string;
  /** Seconds. */
  readonly at: number;
  /** Key that opened it, where that is told. */
  readonly by: string | undefined;
  /** Whether the instance key has signed it. */
  readonly isProven: boolean;
  /** Whether an earlier start of this very container had claimed it. */
  readonly isOwnLoss: boolean;
}

/** @throws what the service refuses, 'bad_envelope' for an answer that is not the one that was asked for */
export async function openOnce(offer: OnceOffer, o: OpenOnceOptions): Promise<HeldSecret> {
  const { folder, identity, link } = o;
  const found = folder.claimOf(offer, offer.wrap);
  // A claim of another key is of an earlier start of the container: its key is gone, and with it the claim.
  const own = found?.reader === identity.id ? found : undefined;
  const cid = own?.cid ?? randomIdentifier();
  const sent = [...(own?.sent ?? [])];
  const earlier = own === undefined && found !== undefined ? [...(found.earlier ?? []), found.reader] : own?.earlier;
  let deliveryKey: OpeningKey | undefined;
  const { body, nonce } = await link.rpc.call(
    'Open',
    () => {
      deliveryKey = generateOpeningKey();
      const request = canonicalize({ cid, id: offer.wrap, rpk: deliveryKey.jwk as unknown as JcsObject });
      sent.push(hash43(request));
      // Whoever sends first and saves later can lose the content between the two.
      folder.saveClaim(offer, {
        cid,
        id: offer.wrap,
        reader: identity.id,
        sent,
        ...(earlier === undefined ? {} : { earlier }),
      });
      return request;
    },
    { signal: o.signal },
  );
  const opened = await openDelivery({
    answer: readClaims(deliveryResponse, body),
    expected: {
      id: offer.wrap,
      cid,
      nonce,
      readerId: identity.id,
      selector: o.selector,
      sentBodyHashes: sent,
    },
    instanceKey: link.trust.instanceKey,
    deliveryKey: deliveryKey!,
    encryptionKeys: identity.openingKeys,
  });
  using whole = opened.content;
  if (opened.header.path !== secretPathOf(o.namespace, offer)) {
    throw new ProblemError('bad_envelope', { reason: 'delivery_other_item' });
  }
  const { type, content } = decodeContent(whole.expose());
  if (type !== secretMapType) throw new ProblemError('bad_encoding', { reason: 'content_type' });
  const values = decodeSecretMap(content);
  folder.place({ ...offer, content });
  return { version: 1, instance: link.trust.instanceKey.thumbprint, wrap: offer.wrap, values };
}

/** Tells the service that the content is in the volume. Without a claim of this start there is nothing to tell. @throws */
export async function acknowledgeOnce(offer: OnceOffer, o: OpenOnceOptions): Promise<void> {
  const { folder, identity, link } = o;
  const claim = folder.claimOf(offer, offer.wrap);
  if (claim === undefined || claim.reader !== identity.id) return;
  const body = canonicalize({ cid: claim.cid, id: offer.wrap });
  const reply = await link.rpc.call('Ack', () => body, { signal: o.signal });
  const { rcpt } = readClaims(receiptResponse, reply.body);
  const { st } = verifyReceipt(rcpt, link.trust.instanceKey, { id: offer.wrap, nonce: reply.nonce });
  if (st !== 'OPENED') throw new ProblemError('internal', { reason: 'receipt_state' });
  folder.forgetClaim(offer, offer.wrap);
}

/** What a refusal says of who was first; undefined for one that says nothing. */
export function refusedOpening(
  error: unknown,
  offer: OnceOffer,
  { link, folder }: Pick<OpenOnceOptions, 'link' | 'folder'>,
): RefusedOpening | undefined {
  if (!isProblemError(error) || (error.code !== 'gone' && error.code !== 'already_claimed')) return undefined;
  const { st: state, at, kid: by, rcpt } = error.members;
  if (state === undefined || at === undefined) return undefined;
  const earlier = folder.claimOf(offer, offer.wrap)?.earlier ?? [];
  return {
    state,
    at,
    by,
    isProven: isReceiptOf(rcpt, { id: offer.wrap, state, at }, link),
    isOwnLoss: by === undefined ? earlier.length > 0 : earlier.includes(by),
  };
}

function isReceiptOf(
  rcpt: string | undefined,
  { id, state, at }: { readonly id: string; readonly state: string; readonly at: number },
  { trust }: Link,
): boolean {
  try {
    const claims = verifyReceipt(rcpt ?? '', trust.instanceKey, { id });
    return claims.st === state && claims.at === at;
  } catch {
    return false;
  }
}
