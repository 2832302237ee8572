/**
 * Which key a delivery is sealed to: the fresh one that the signed request names, or the reader's registered one.
 * It must never take a fresh key from a request that nobody signed.
 * @module
 */
import { importSealingKey, type Keyset, type SealingKey } from '@letterlock/crypto';
import { ProblemError, type KeyKind, type OpenRequest } from '@letterlock/protocol';
import type { Permitted } from '../policy/permitted.ts';

type Caller = Permitted<'wrap.open' | 'secret.read'>['caller'];

const freshKeyKinds: readonly KeyKind[] = ['P-256', 'X25519'];

/**
 * @returns undefined when there is none: then the caller has no keyset, and is nobody's recipient.
 * @throws 'bad_encoding' for `rpk` by mTLS, 'bad_key' @source protocol.md §4.4, §6
 */
export async function deliveryKey(
  caller: Caller,
  request: Pick<OpenRequest, 'rpk'>,
  currentKeyset: (id: string) => Promise<Keyset | undefined>,
): Promise<SealingKey | undefined> {
  if (request.rpk === undefined) return (caller.keyset ?? (await currentKeyset(caller.id)))?.enc;
  if (caller.proof === undefined) {
    throw new ProblemError('bad_encoding', { reason: 'rpk_by_mtls', detail: 'Member rpk: needs a signed request' });
  }
  const key = importSealingKey(request.rpk);
  if (!freshKeyKinds.includes(key.kind)) {
    throw new ProblemError('bad_key', { reason: 'rpk_kind', detail: 'Member rpk: expected P-256 or X25519' });
  }
  return key;
}
