/**
 * The keys that `--key` names: a file, or a key on a smart card.
 * It must never ask for a PIN where only the public half is needed.
 * @module
 */
import type { Identity, KeyFile } from '@letterlock/client';
import type { Context } from './context.ts';
import { usage } from './exit-status.ts';
import { readKeyFile } from './files/key-file.ts';
import { isCardUri } from './pkcs11/pkcs11-uri.ts';

/** @param o - `needsPrivate` false: the result can only be shown. @throws usage, authentication, unavailable */
export async function readKeys(
  context: Context,
  source: string,
  o: { readonly needsPrivate: boolean } = { needsPrivate: true },
): Promise<KeyFile> {
  if (!isCardUri(source)) return readKeyFile(source);
  const { readCardKeys } = await import('./pkcs11/card-key.ts');
  return readCardKeys(context, source, o);
}

/** How long one attempt of a request may take: who holds a card may have to touch it. */
export function patienceFor({ signingKey }: Pick<Identity, 'signingKey'>): {
  readonly attemptTimeoutMilliseconds?: number;
} {
  return signingKey.device === undefined ? {} : { attemptTimeoutMilliseconds: 90_000 };
}

/** A path to write a key to. @throws usage if it names a card: keys are made there by the tool of the card */
export function requireKeyFile(path: string | undefined, what: string): string | undefined {
  if (path === undefined || !isCardUri(path)) return path;
  throw usage(`Cannot ${what}: the key is on a card`, 'name a file, or use the tool of the card');
}
