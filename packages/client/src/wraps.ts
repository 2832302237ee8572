/**
 * Storing, revoking and looking up wraps.
 * It must never report a state that the instance key did not sign.
 * @module
 */
import { parseProof, readEnvelope, verifyJws, type Keyset } from '@letterlock/crypto';
import { canonicalize, isProblemError, statusResponse, type Envelope } from '@letterlock/protocol';
import { readDocument } from './answers.ts';
import type { CallOptions, Deadline } from './deadline.ts';
import { LetterlockError } from './errors.ts';
import type { IdentityBook } from './identities.ts';
import { checkReceipt, readReceiptAnswer, type Receipt } from './receipts.ts';
import { envelopeBody, sealWrap, type WrapContent } from './seal-wrap.ts';
import type { Session } from './session.ts';

export interface WrapOptions extends WrapContent, CallOptions {
  /** The reader: an identity id, whose keyset is fetched and verified, or a verified keyset. */
  readonly to: string | Keyset;
}

/** A stored wrap. */
export interface StoredWrap {
  readonly id: string;
  readonly receipt: Receipt;
}

/** Stores an envelope; its id makes it idempotent. @throws LetterlockError, IntegrityError */
export async function storeEnvelope(session: Session, envelope: Envelope, deadline: Deadline): Promise<StoredWrap> {
  const { header, eh } = readEnvelope(envelope);
  const body = envelopeBody(envelope);
  const reply = await session.call({ route: 'wrap', body: () => body, read: readReceiptAnswer }, deadline);
  return { id: header.id, receipt: await checkReceipt(reply, reply.value, { id: header.id, eh }) };
}

/** Seals and stores. A recipient key that was rotated since it was last fetched is fetched once more. */
export async function wrap(
  session: Session,
  book: IdentityBook,
  options: WrapOptions,
  deadline: Deadline,
): Promise<StoredWrap & { readonly envelopeHash: string }> {
  const writer = session.requireIdentity();
  const { to } = options;
  const seal = async (keyset: Keyset) => {
    const sealed = await sealWrap({ ...options, to: keyset, writer, iat: await session.serverSeconds(deadline) });
    return { ...(await storeEnvelope(session, sealed.envelope, deadline)), envelopeHash: sealed.envelopeHash };
  };
  if (typeof to !== 'string') return seal(to);
  const { keyset, isFresh } = await book.current(to, deadline);
  try {
    return await seal(keyset);
  } catch (error) {
    const isRotated = error instanceof LetterlockError && error.code === 'unknown_recipient';
    if (!isRotated || isFresh) throw error;
    return seal(await book.fetch(to, deadline));
  }
}

/** Takes a wrap back. @throws LetterlockError 'already_claimed', 'gone', 'not_found'; IntegrityError */
export async function revoke(session: Session, id: string, deadline: Deadline): Promise<Receipt> {
  const reply = await session.call(
    { route: 'revoke', segments: { id }, body: () => canonicalize({}), read: readReceiptAnswer },
    deadline,
  );
  return checkReceipt(reply, reply.value, { id, states: ['REVOKED'] });
}

/**
 * The reader's own signed request, as the service shows it. `verified`: it is the reader's signature on this wrap's
 * request; `invalid`: it is not; `unchecked`: no keyset was given; `mtls`: there is none, only the server's word.
 */
export interface ReaderProof {
  readonly standing: 'verified' | 'invalid' | 'unchecked' | 'mtls';
  /** Compact JWS; absent for `mtls`. */
  readonly jws?: string;
}

export interface WrapStatus {
  readonly receipt: Receipt;
  /** The open request; absent before the first opening. */
  readonly opening?: ReaderProof;
  /** The acknowledgement: proves that the content arrived. */
  readonly acknowledgement?: ReaderProof;
}

/** Looks up a wrap. @param reader - the recipient's keyset, to verify what it signed. @throws LetterlockError 'not_found', IntegrityError */
export async function status(
  session: Session,
  id: string,
  reader: Keyset | undefined,
  deadline: Deadline,
): Promise<WrapStatus> {
  const reply = await session.call(
    { route: 'status', segments: { id }, read: (body) => readDocument(statusResponse, body) },
    deadline,
  );
  const { rcpt, proof, aproof } = reply.value;
  return {
    receipt: await checkReceipt(reply, rcpt, { id }),
    ...(proof === undefined ? {} : { opening: judgeProof(proof, `/v1/wraps/${id}/open`, reader) }),
    ...(aproof === undefined ? {} : { acknowledgement: judgeProof(aproof, `/v1/wraps/${id}/ack`, reader) }),
  };
}

/** Verifies a reader's request of one target. The origin is not compared: the reader may have used another public one. */
export function judgeProof(jws: string, path: string, reader: Keyset | undefined): ReaderProof {
  if (jws === 'mtls') return { standing: 'mtls' };
  if (reader === undefined) return { standing: 'unchecked', jws };
  return { standing: isSignedRequest(jws, path, reader) ? 'verified' : 'invalid', jws };
}

function isSignedRequest(jws: string, path: string, reader: Keyset): boolean {
  try {
    const { jws: parsed, claims } = parseProof(jws);
    const isThisTarget = claims.htm === 'POST' && URL.canParse(claims.htu) && new URL(claims.htu).pathname === path;
    return isThisTarget && verifyJws(parsed, reader.sig);
  } catch (error) {
    if (!isProblemError(error)) throw error;
    return false;
  }
}
