/**
 * The keyset to register for the chosen key.
 * It must never replace what is registered by something that says the same.
 * @module
 */
import { identityOf } from '@letterlock/client';
import { isProblemError } from '@letterlock/protocol';
import type { Connected } from './connect.ts';
import type { Context } from './context.ts';

/** What is registered for the key, as far as the service tells its owner. */
export async function registeredKeyset(
  context: Context,
  { client, identity }: Connected,
): Promise<Awaited<ReturnType<Connected['client']['identity']>> | undefined> {
  return client.identity(identity.id, { signal: context.signal }).catch((error: unknown) => {
    // Unknown so far: that is what registering is for.
    if (isProblemError(error) && ['not_found', 'bad_proof'].includes(error.code)) return undefined;
    throw error;
  });
}

/** The registered keyset if it says the same (it is answered the same), else the one after it. */
export async function nextKeyset(context: Context, connected: Connected, name: string | undefined): Promise<string> {
  const { identity } = connected;
  const registered = await registeredKeyset(context, connected);
  const isSame =
    registered?.enc.thumbprint === identity.openingKeys[0].thumbprint && (name ?? registered.name) === registered.name;
  if (registered !== undefined && isSame) return registered.jws;
  const ownName = name ?? registered?.name;
  const { keyset = '' } = identityOf(identity.signingKey, identity.openingKeys, {
    seq: (registered?.seq ?? 0) + 1,
    iat: context.now(),
    ...(ownName === undefined ? {} : { name: ownName }),
  });
  return keyset;
}
