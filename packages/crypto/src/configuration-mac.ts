/**
 * The MAC of the seal configuration (protocol.md §10.2), under a key that only the master key gives.
 * It must never be compared as text: the check is here, in constant time.
 * @module
 */
import { createHmac } from 'node:crypto';
import { decodeBase64url, encodeUtf8, labels } from '@letterlock/protocol';
import { equalConstantTime } from './bytes.ts';
import { deriveKey } from './hkdf.ts';
import type { SecretBytes } from './secret-bytes.ts';

/** HMAC-SHA-256(KDF(KEK, '', "cfg"), canonical text without `mac`), 43 characters. */
export function configurationMac(kek: SecretBytes, canonical: string): string {
  using key = deriveKey(kek, new Uint8Array(0), labels.configuration);
  return createHmac('sha256', key.expose()).update(encodeUtf8(canonical)).digest('base64url');
}

/** Whether `mac` is that of the canonical text. */
export function isConfigurationMac(kek: SecretBytes, canonical: string, mac: string): boolean {
  return equalConstantTime(decodeBase64url(configurationMac(kek, canonical)), decodeBase64url(mac));
}
