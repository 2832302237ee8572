/**
 * Where a proof's key is looked up: the port that the registry of identities, the admins and a registration implement.
 * It must never answer for an identity that was revoked.
 * @module
 */
import type { Keyset, VerifyingKey } from '@letterlock/crypto';
import type { CallerWorkload } from './proven.ts';

/** A key that may prove requests. */
export interface KnownKey {
  /** Identity id: thumbprint of the key. */
  readonly id: string;
  readonly verifyingKey: VerifyingKey;
  /** Current keyset; undefined for an admin, who has a single key. */
  readonly keyset: Keyset | undefined;
  readonly isAdmin: boolean;
  /** The pod that the key belongs to. */
  readonly workload?: CallerWorkload;
}

export interface Directory {
  /** The key of an identity; undefined when it is unknown or revoked. */
  find(id: string): Promise<KnownKey | undefined> | KnownKey | undefined;
  /** Whether the last `find` gave undefined because of a revocation: for the log only. */
  wasRevoked?(id: string): boolean;
}

/** Knows only the key of one keyset: for the request that registers it. */
export function directoryOfKeyset(keyset: Keyset): Directory {
  const known: KnownKey = { id: keyset.id, verifyingKey: keyset.sig, keyset, isAdmin: false };
  return { find: (id) => (id === keyset.id ? known : undefined) };
}

/** Knows only admins: for requests while the service is sealed. */
export function directoryOfAdmins(admins: ReadonlyMap<string, KnownKey>): Directory {
  return { find: (id) => admins.get(id) };
}

/** Asks one directory after the other. */
export function firstDirectory(...directories: readonly [Directory, ...Directory[]]): Directory {
  return {
    find: async (id) => {
      for (const directory of directories) {
        const known = await directory.find(id);
        if (known !== undefined) return known;
      }
      return undefined;
    },
    wasRevoked: (id) => directories.some((directory) => directory.wasRevoked?.(id) === true),
  };
}
