/** Values of a secret from plain text, for tests. */
import { SecretBytes } from '@letterlock/crypto';
import type { SecretValues } from '../files/secret-values.ts';

export function valuesOf(texts: Readonly<Record<string, string | Uint8Array>>): SecretValues {
  return new Map(Object.entries(texts).map(([key, text]) => [key, SecretBytes.copy(Buffer.from(text as string))]));
}
