/**
 * Asks an unsealed replica for the KEK, and judges its answer.
 * It must never use an answer that is not of the instance that the seal configuration names, or not for this very start.
 * @module
 */
import { importVerifyingKey, openPeer, openPeerKek, type SecretBytes } from '@letterlock/crypto';
import type { PeerUnsealRequest, PeerUnsealResponse } from '@letterlock/protocol';
import type { BootAttestor } from './attestation.ts';
import type { BootKeys } from './boot-keys.ts';
import type { SealConfiguration } from './seal-configuration.ts';
import { conflict } from './seal-problems.ts';

/** One call to one peer. @throws 'unavailable', and what the peer answers */
export type AskPeer = (request: PeerUnsealRequest) => Promise<PeerUnsealResponse>;

/** @returns the KEK, the caller's to dispose of. @throws 'bad_encoding', 'bad_proof', 'conflict', 'bad_envelope', 'unavailable', 'denied' */
export async function askPeerForKek(o: {
  readonly ask: AskPeer;
  readonly attestor: BootAttestor;
  readonly boot: BootKeys;
  readonly configuration: SealConfiguration;
}): Promise<SecretBytes> {
  const { boot, configuration } = o;
  const token = await o.attestor.present(boot.boot);
  const { jws } = await o.ask({ benc: { ...boot.enc.jwk }, token });
  // That this key is the pinned one, where one is pinned, was checked when the configuration was read.
  const claims = openPeer(jws, importVerifyingKey(configuration.sik));
  if (claims.boot !== boot.boot) throw conflict('peer_boot', 'The answer is for another process');
  if (claims.inst !== configuration.inst) throw conflict('peer_instance', 'The answer is of another installation');
  if (claims.gen !== configuration.gen) throw conflict('peer_generation', 'The answer is of another generation');
  return openPeerKek(claims.k, boot.enc, configuration.gen);
}
