/**
 * Private keys that stay where they are, such as on a smart card: what the place must do, and how it takes part.
 * It must never be given more than one operation needs, nor take the place's word for what it returns.
 * @module
 */
import type { KeyObject } from 'node:crypto';
import type { SecretBytes } from './secret-bytes.ts';

/** Signs where the key lives. It blocks while it works, so it is for programs of one person, not for a server. */
export interface SigningDevice {
  /** Signs bytes with the key's one algorithm. @returns what a JWS holds: R ‖ S, or RSASSA-PSS. @throws whatever a person should read */
  sign(data: Uint8Array): Uint8Array;
}

/** Receives where the key lives. */
export interface OpeningDevice {
  /** ECDH. @returns Z, as long as the curve's field, undefined if it cannot be made. @throws as sign */
  agree(publicKey: KeyObject): SecretBytes | undefined;
  /** RSAES-OAEP with SHA-256. @returns undefined if it does not decrypt. @throws as sign */
  decrypt(ciphertext: Uint8Array): SecretBytes | undefined;
}
