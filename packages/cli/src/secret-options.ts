/**
 * What the verbs of secrets read from the command line: paths, versions, readers.
 * It must never guess: what is not right as it is written is refused.
 * @module
 */
import type { Keyset } from '@letterlock/client';
import { isSecretPath, limits } from '@letterlock/protocol';
import type { Connected } from './connect.ts';
import type { Context } from './context.ts';
import { usage } from './exit-status.ts';
import { fetchKeyset } from './people.ts';

/** @throws usage unless it is the path of a secret */
export function checkSecretPath(path: string): string {
  if (isSecretPath(path)) return path;
  throw usage(
    'Cannot use the path: it has 1 to 16 segments of a-z, 0-9, dot, underscore and hyphen',
    'write it as in team-a/db/password',
  );
}

/** @throws usage unless it is a positive integer */
export function parseVersion(text: string): number {
  const version = Number(text);
  if (/^[1-9][0-9]*$/.test(text) && Number.isSafeInteger(version)) return version;
  throw usage('Cannot use --ver: a version is a positive integer', 'see "letterlock secret versions"');
}

/** The verified keysets of names or ids, each once. @throws usage for more than a secret can have */
export async function fetchReaders(
  context: Context,
  connected: Connected,
  names: readonly string[],
): Promise<readonly Keyset[]> {
  const ids = [...new Set(names.map((name) => context.knownIdentities.resolve(name)))];
  if (ids.length > limits.slotsPerEnvelope) {
    throw usage(`Cannot write: a secret has at most ${limits.slotsPerEnvelope} readers, not ${ids.length}`);
  }
  const keysets: Keyset[] = [];
  for (const id of ids) keysets.push(await fetchKeyset(context, connected, id));
  return keysets;
}
