/**
 * Identities and grants of the configuration, applied once at initialisation.
 * It must never run on an installation that was initialised before: what admins changed since counts.
 * @module
 */
import type { Grant } from '@letterlock/protocol';
import type { GrantRegistry } from './grant-registry.ts';
import type { IdentityRegistry } from './identity-registry.ts';

export interface InitialState {
  /** Keyset JWSs. */
  readonly identities: readonly string[];
  readonly grants: readonly Grant[];
}

/** Applies the initial state; each step is audited with factor `configuration`. @throws 'bad_encoding', 'bad_key', 'bad_proof', 'conflict' */
export async function applyInitial(
  initial: InitialState,
  registries: { readonly identities: IdentityRegistry; readonly grants: GrantRegistry },
): Promise<void> {
  for (const jws of initial.identities) await registries.identities.applyConfigured(jws);
  for (const grant of initial.grants) await registries.grants.applyConfigured(grant);
}
