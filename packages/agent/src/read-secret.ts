/**
 * Reads one secret of a binding: a fresh key for the delivery, and the reader's whole check of the answer.
 * It must never give out values before every check has passed.
 * @module
 */
import { decodeContent, decodeSecretMap, generateOpeningKey, openDelivery, secretMapType } from '@letterlock/crypto';
import type { OpeningKey } from '@letterlock/crypto';
import { canonicalize, deliveryResponse, ProblemError, readClaims, type JcsObject } from '@letterlock/protocol';
import type { Identity } from '@letterlock/client';
import type { RpcClient } from './rpc-client.ts';
import type { HeldSecret, Offer } from './secret-store.ts';
import type { Trust } from './trust-folder.ts';

export interface ReadSecretOptions {
  readonly rpc: Pick<RpcClient, 'call'>;
  readonly trust: Trust;
  readonly identity: Identity;
  /** `spiffe://…` name of the pod's ServiceAccount. */
  readonly selector: string;
  readonly namespace: string;
  readonly signal: AbortSignal;
}

/** Where a binding's secret lies. @source decisions.md, "Identities, admins, grants" */
export function secretPathOf(namespace: string, { binding, secret }: Pick<Offer, 'binding' | 'secret'>): string {
  return `k8s/${namespace}/${binding}/${secret}`;
}

/** The latest version. @throws 'not_found', 'gone', 'denied', 'unavailable', 'bad_envelope', 'bad_encoding' */
export async function readSecret(
  offer: Pick<Offer, 'binding' | 'secret' | 'version'>,
  o: ReadSecretOptions,
): Promise<HeldSecret> {
  const path = secretPathOf(o.namespace, offer);
  let deliveryKey: OpeningKey | undefined;
  const { body, nonce } = await o.rpc.call(
    'Read',
    () => {
      deliveryKey = generateOpeningKey();
      return canonicalize({ path, rpk: deliveryKey.jwk as unknown as JcsObject });
    },
    { signal: o.signal },
  );
  const opened = await openDelivery({
    answer: readClaims(deliveryResponse, body),
    expected: { path, nonce, readerId: o.identity.id, selector: o.selector, sentBodyHashes: [] },
    instanceKey: o.trust.instanceKey,
    deliveryKey: deliveryKey!,
    encryptionKeys: o.identity.openingKeys,
  });
  using whole = opened.content;
  // Told of this version, or a later one: an older one would be a rollback.
  if (opened.header.ver < offer.version) throw new ProblemError('bad_envelope', { reason: 'secret_rollback' });
  const { type, content } = decodeContent(whole.expose());
  if (type !== secretMapType) throw new ProblemError('bad_encoding', { reason: 'content_type' });
  return {
    version: opened.header.ver,
    instance: o.trust.instanceKey.thumbprint,
    values: decodeSecretMap(content),
  };
}
