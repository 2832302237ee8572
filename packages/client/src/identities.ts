/**
 * Other people's keysets: fetched, verified, and never older than one already seen (protocol.md §3).
 * It must never return a keyset whose signature key is not the id that was asked for.
 * @module
 */
import { verifyKeyset, type Keyset } from '@letterlock/crypto';
import {
  canonicalize,
  identityResponse,
  isProblemError,
  registerResponse,
  type Evidence,
  type JcsObject,
  type RegisterResponse,
} from '@letterlock/protocol';
import { readDocument } from './answers.ts';
import type { Deadline } from './deadline.ts';
import { IntegrityError } from './errors.ts';
import type { SequenceMemory } from './identity.ts';
import type { Session } from './session.ts';

/** Keysets kept in memory; the oldest goes first. */
const mostKept = 1000;

/** The keysets of one client. */
export class IdentityBook {
  readonly #session: Session;
  readonly #sequences: SequenceMemory;
  readonly #kept = new Map<string, Keyset>();

  constructor(session: Session, sequences: SequenceMemory = new Map<string, number>()) {
    this.#session = session;
    this.#sequences = sequences;
  }

  /** Fetches and verifies the keyset of an id. @throws IntegrityError, LetterlockError 'not_found' */
  async fetch(id: string, deadline: Deadline): Promise<Keyset> {
    const { value } = await this.#session.call(
      { route: 'identity', segments: { id }, read: (body) => readDocument(identityResponse, body) },
      deadline,
    );
    const keyset = this.verify(value.keyset, id);
    this.#keep(keyset);
    return keyset;
  }

  /** The keyset in memory if there is one and it has not ended, else a fetched one. */
  async current(id: string, deadline: Deadline): Promise<{ readonly keyset: Keyset; readonly isFresh: boolean }> {
    const kept = this.#kept.get(id);
    if (kept !== undefined && !isOver(kept, this.#session.now())) return { keyset: kept, isFresh: false };
    return { keyset: await this.fetch(id, deadline), isFresh: true };
  }

  /** Verifies a keyset that came from anywhere, and remembers its `seq`. @throws IntegrityError */
  verify(jws: string, id: string): Keyset {
    const keyset = readKeyset(jws);
    if (keyset.id !== id) throw new IntegrityError('keyset_id', 'Cannot accept the keyset: it belongs to another id');
    const seen = this.#sequences.get(id);
    if (seen !== undefined && keyset.seq < seen) {
      throw new IntegrityError(
        'keyset_rollback',
        `Cannot accept the keyset: its seq is ${keyset.seq}, seen was ${seen}`,
      );
    }
    if (isOver(keyset, this.#session.now())) {
      throw new IntegrityError('keyset_expired', 'Cannot accept the keyset: it has ended by the local clock');
    }
    this.#sequences.set(id, keyset.seq);
    return keyset;
  }

  #keep(keyset: Keyset): void {
    this.#kept.delete(keyset.id);
    this.#kept.set(keyset.id, keyset);
    const oldest = this.#kept.size > mostKept ? this.#kept.keys().next().value : undefined;
    if (oldest !== undefined) this.#kept.delete(oldest);
  }
}

/** Registers a keyset; the proof is by its own signing key. @throws LetterlockError 'denied' without evidence, 'conflict' for a `seq` that is not higher */
export async function register(
  session: Session,
  request: { readonly keyset: string; readonly evidence?: Evidence | undefined },
  deadline: Deadline,
): Promise<RegisterResponse> {
  const document: JcsObject = {
    ...(request.evidence === undefined ? {} : { evidence: request.evidence }),
    keyset: request.keyset,
  };
  const { value } = await session.call(
    {
      route: 'register',
      body: () => canonicalize(document),
      read: (body) => readDocument(registerResponse, body),
    },
    deadline,
  );
  return value;
}

function readKeyset(jws: string): Keyset {
  try {
    return verifyKeyset(jws);
  } catch (cause) {
    if (!isProblemError(cause)) throw cause;
    throw new IntegrityError(cause.reason ?? cause.code, 'Cannot accept the keyset: it is not valid', cause);
  }
}

function isOver(keyset: Keyset, nowSeconds: number): boolean {
  return keyset.exp !== undefined && keyset.exp <= nowSeconds;
}
