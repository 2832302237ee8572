/**
 * Private keys as PKCS#8 bytes, for the keyring, which is sealed before it leaves memory.
 * It must never turn a private key into a string.
 * @module
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { ProblemError } from '@letterlock/protocol';
import { signingKeyOf, type OpeningKey, type SigningKey } from './keys.ts';
import { SecretBytes } from './secret-bytes.ts';

/** PKCS#8 DER of a private key. @source RFC 5958 */
export function exportPrivateKey(key: SigningKey | OpeningKey): SecretBytes {
  return SecretBytes.take(key.keyObject.export({ format: 'der', type: 'pkcs8' }));
}

/** A signing key from PKCS#8 DER. @throws 'bad_key' */
export function importSigningKey(pkcs8: SecretBytes): SigningKey {
  let keyObject: KeyObject;
  try {
    const bytes = pkcs8.expose();
    // A view, not a copy, so that disposing of the secret erases the only bytes.
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    keyObject = createPrivateKey({ key: view, format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new ProblemError('bad_key', { reason: 'key_import', detail: 'A private key cannot be imported', cause });
  }
  return signingKeyOf(keyObject);
}
