/**
 * Opening a wrap once: the claim is known to the caller before it is sent, and nothing is used before every check of a
 * reader has passed (protocol.md §5.3, §6). It must never reuse a reader key, nor acknowledge by itself.
 * @module
 */
import {
  decodeContent,
  generateOpeningKey,
  openDelivery,
  randomIdentifier,
  SecretBytes,
  type OpenedDelivery,
  type OpeningKey,
  type VerifyingKey,
} from '@letterlock/crypto';
import {
  canonicalize,
  deliveryResponse,
  isProblemError,
  type DeliveryClaims,
  type EnvelopeHeader,
  type JcsObject,
} from '@letterlock/protocol';
import { readDocument } from './answers.ts';
import { Deadline, type CallOptions } from './deadline.ts';
import { IntegrityError, integrityOf } from './errors.ts';
import { checkReceipt, readReceiptAnswer, type Receipt } from './receipts.ts';
import type { Session } from './session.ts';

/** What must outlive a crash between sending and acknowledging. */
export interface Claim {
  readonly id: string;
  /** Names this opening; only it and the same key are given the content again. */
  readonly claimId: string;
  /** Hashes of all requests sent so far and of the one about to be sent; give them back as `priorBodyHashes`. */
  readonly bodyHashes: readonly string[];
}

export interface OpenOptions extends CallOptions {
  /** The claim of an interrupted opening. Default random. */
  readonly claimId?: string | undefined;
  /** `bodyHashes` of that claim. */
  readonly priorBodyHashes?: readonly string[] | undefined;
  /** At most 128 bytes, shown to the writer in the audit log. */
  readonly why?: string | undefined;
  /** Awaited before each request is sent: store the claim here, or a crash can burn the wrap. */
  readonly onClaim?: ((claim: Claim) => void | Promise<void>) | undefined;
  /** Whether a writer's id is acceptable. Default: any. */
  readonly isWriterAllowed?: ((writerId: string) => boolean) | undefined;
}

/** An opened wrap; disposing of it erases the content. */
export interface OpenedWrap extends Disposable {
  readonly content: SecretBytes;
  readonly name: string | undefined;
  readonly type: string | undefined;
  readonly header: EnvelopeHeader;
  readonly delivery: DeliveryClaims;
  readonly writer: VerifyingKey;
  readonly claimId: string;
  /** Tells the service that the content is safe; it is erased there. @throws as acknowledge */
  acknowledge(options?: CallOptions): Promise<Receipt>;
}

/**
 * Opens.
 * @throws LetterlockError 'not_found', 'already_claimed', 'gone'; IntegrityError if the delivery is not what was asked for.
 */
export async function openWrap(session: Session, id: string, options: OpenOptions): Promise<OpenedWrap> {
  const identity = session.requireIdentity();
  const claimId = options.claimId ?? randomIdentifier();
  const sent: string[] = [...(options.priorBodyHashes ?? [])];
  let deliveryKey: OpeningKey | undefined;
  const reply = await session.call(
    {
      route: 'open',
      segments: { id },
      body: () => {
        deliveryKey = generateOpeningKey();
        return canonicalize({
          cid: claimId,
          rpk: deliveryKey.jwk as unknown as JcsObject,
          ...(options.why === undefined ? {} : { why: options.why }),
        });
      },
      beforeSend: async (bodyHash) => {
        sent.push(bodyHash);
        await options.onClaim?.({ id, claimId, bodyHashes: [...sent] });
      },
      read: (body) => readDocument(deliveryResponse, body),
    },
    new Deadline(options),
  );
  const server = reply.server!;
  const opened = await integrityOf('delivery', () =>
    openDelivery({
      answer: reply.value,
      expected: {
        id,
        cid: claimId,
        nonce: reply.nonce,
        readerId: identity.id,
        sentBodyHashes: sent,
        ...(options.isWriterAllowed === undefined ? {} : { isWriterAllowed: options.isWriterAllowed }),
      },
      instanceKey: server.instanceKey,
      deliveryKey: deliveryKey!,
      encryptionKeys: identity.openingKeys,
    }),
  );
  warnIfExpired(session, opened.header);
  return unpack(opened, claimId, (acknowledgeOptions) =>
    acknowledge(session, id, claimId, new Deadline(acknowledgeOptions), opened.delivery.eh),
  );
}

/** Acknowledges a claim: same claim again is answered the same. @throws LetterlockError 'gone', 'already_claimed', 'conflict'; IntegrityError */
export async function acknowledge(
  session: Session,
  id: string,
  claimId: string,
  deadline: Deadline,
  envelopeHash?: string,
): Promise<Receipt> {
  const reply = await session.call(
    { route: 'acknowledge', segments: { id }, body: () => canonicalize({ cid: claimId }), read: readReceiptAnswer },
    deadline,
  );
  return checkReceipt(reply, reply.value, { id, eh: envelopeHash, states: ['OPENED'] });
}

function unpack(
  opened: OpenedDelivery,
  claimId: string,
  acknowledgeClaim: (options?: CallOptions) => Promise<Receipt>,
): OpenedWrap {
  using whole = opened.content;
  const { name, type, content } = readContent(whole);
  const own = SecretBytes.copy(content);
  return {
    content: own,
    name,
    type,
    header: opened.header,
    delivery: opened.delivery,
    writer: opened.writer,
    claimId,
    acknowledge: acknowledgeClaim,
    [Symbol.dispose]: () => own[Symbol.dispose](),
  };
}

/** Metadata and bytes of opened content. @throws IntegrityError */
export function readContent(whole: SecretBytes): ReturnType<typeof decodeContent> {
  try {
    return decodeContent(whole.expose());
  } catch (cause) {
    if (!isProblemError(cause)) throw cause;
    throw new IntegrityError(
      'content_metadata',
      'Cannot accept the content: it does not begin with its metadata',
      cause,
    );
  }
}

function warnIfExpired(session: Session, header: EnvelopeHeader): void {
  if (header.exp === undefined || header.exp > session.now()) return;
  session.warn({
    code: 'wrap_expired_by_local_clock',
    message: 'The wrap has expired by the local clock, not by that of the server; is the clock right?',
  });
}
