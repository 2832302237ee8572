/**
 * Private keys as PKCS#8 bytes, for the keyring, which is sealed before it leaves memory.
 * It must never turn a private key into a string.
 * @module
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { ProblemError } from '@letterlock/protocol';
import { openingKeyOf, signingKeyOf, type OpeningKey, type SigningKey } from './keys.ts';
import { SecretBytes } from './secret-bytes.ts';

/** PKCS#8 DER of a private key. @source RFC 5958 */
export function exportPrivateKey(key: SigningKey | OpeningKey): SecretBytes {
  return SecretBytes.take(key.keyObject.export({ format: 'der', type: 'pkcs8' }));
}

/** A signing key from PKCS#8 DER. @throws 'bad_key' */
export function importSigningKey(pkcs8: SecretBytes): SigningKey {
  return signingKeyOf(importPrivateKey(pkcs8));
}

/** An opening key from PKCS#8 DER. @throws 'bad_key' */
export function importOpeningKey(pkcs8: SecretBytes): OpeningKey {
  return openingKeyOf(importPrivateKey(pkcs8));
}

function importPrivateKey(pkcs8: SecretBytes): KeyObject {
  try {
    const bytes = pkcs8.expose();
    // A view, not a copy, so that disposing of the secret erases the only bytes.
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return createPrivateKey({ key: view, format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new ProblemError('bad_key', { reason: 'key_import', detail: 'A private key cannot be imported', cause });
  }
}
