/**
 * Who opened a wrap, by the reader's own signed request.
 * It must never call a request verified that its key did not sign for this wrap.
 * @module
 */
import { judgeProof, type ReaderProof } from '@letterlock/client';
import { parseProof } from '@letterlock/crypto';
import { isProblemError } from '@letterlock/protocol';
import { fetchKeyset, type KeysetSource, type PeopleContext } from './people.ts';

/** Who opened or acknowledged a wrap, as far as it is proved. */
export interface Opener {
  /** Absent where the request came by mTLS: then nothing names the key. */
  readonly id: string | undefined;
  readonly standing: ReaderProof['standing'];
}

/** Fetches the key that the reader's request names and verifies the request with it. */
export async function openerOf(
  context: PeopleContext,
  source: KeysetSource,
  wrapId: string,
  proof: ReaderProof | undefined,
  route: 'open' | 'ack' = 'open',
): Promise<Opener | undefined> {
  if (proof === undefined) return undefined;
  if (proof.jws === undefined) return { id: undefined, standing: proof.standing };
  try {
    const id = parseProof(proof.jws).jws.header.kid;
    const keyset = await fetchKeyset(context, source, id);
    return { id, standing: judgeProof(proof.jws, `/v1/wraps/${wrapId}/${route}`, keyset).standing };
  } catch (error) {
    // A revoked reader has no keyset any more; what it signed can then not be checked.
    if (!isProblemError(error)) throw error;
    return { id: undefined, standing: 'unchecked' };
  }
}
