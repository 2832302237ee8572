/**
 * From the shares of k admins to the open keyring. It must never return a keyring that does not belong to the configuration
 * that the shares were judged by, nor leave a copy of a share, the master key or the KEK behind.
 * @module
 */
import { combineShares, deriveKey, equalConstantTime, SecretBytes } from '@letterlock/crypto';
import { isProblemError, labels } from '@letterlock/protocol';
import type { Entry, Store } from '../store/store.ts';
import type { Keyring } from './keyring.ts';
import { openKeyring } from './open-keyring.ts';
import type { SealConfiguration, StoredConfiguration } from './seal-configuration.ts';
import { alarm } from './seal-problems.ts';
import { readSystemRecords } from './store-installation.ts';

export interface OpenedKeyring {
  readonly keyring: Keyring;
  /** A copy, where it is kept. */
  readonly kek: SecretBytes | undefined;
  /** The entries that it rests on, to be compared when the unseal is recorded. */
  readonly read: readonly Entry[];
  /** That of the last seal, 0 for none; to be compared as well. */
  readonly epochRevision: number;
  /** The last one of the audit trail, as it is in the store. */
  readonly checkpoint: Entry | undefined;
}
/** `changed`: the store has another configuration now. */
export type KeyringOutcome = OpenedKeyring | { readonly changed: Entry };

/**
 * The shares are copied before the first wait, so that they may be forgotten meanwhile.
 * @param o - `shares`: k of them, each of another admin and compared with its commitment. @throws 'internal', 'unavailable'
 */
export async function openKeyringWithShares(o: {
  readonly shares: readonly SecretBytes[];
  readonly stored: StoredConfiguration;
  readonly store: Store;
  readonly keepsKek: boolean;
}): Promise<KeyringOutcome> {
  using kek = await keyEncryptionKey(o.shares, o.stored.value);
  return await openKeyringWithKek({ ...o, kek });
}

/** @param o - `kek`: stays the caller's to dispose of. @throws 'internal', 'unavailable' */
export async function openKeyringWithKek(o: {
  readonly kek: SecretBytes;
  readonly stored: StoredConfiguration;
  readonly store: Store;
  /** It is needed again, to be given to other replicas. */
  readonly keepsKek: boolean;
}): Promise<KeyringOutcome> {
  const { kek, keepsKek } = o;
  const { value, bytes } = o.stored;
  const { seal, keyring, epoch, checkpoint } = await readSystemRecords(o.store);
  if (seal === undefined) throw alarm('seal_configuration_missing', 'The seal configuration is missing from the store');
  if (!equalConstantTime(seal.value, bytes)) return { changed: seal };
  if (keyring === undefined) throw alarm('keyring_missing', 'The keyring is missing from the store');
  return {
    keyring: openKeyring({ configuration: value, kek, record: keyring.value }),
    kek: keepsKek ? SecretBytes.copy(kek.expose()) : undefined,
    read: [seal, keyring],
    epochRevision: epoch?.modRevision ?? 0,
    checkpoint,
  };
}

async function keyEncryptionKey(shares: readonly SecretBytes[], { k }: SealConfiguration): Promise<SecretBytes> {
  using masterKey = await combine(shares, k);
  return deriveKey(masterKey, new Uint8Array(0), labels.kek);
}

/** Shares that are all right on their own and do not fit together mean that the configuration was tampered with. */
async function combine(shares: readonly SecretBytes[], k: number): Promise<SecretBytes> {
  try {
    // With one that suffices its number does not matter.
    return await combineShares(
      k,
      shares.map((share) => ({ x: k === 1 ? 1 : share.expose().at(-1)!, share })),
    );
  } catch (cause) {
    if (!isProblemError(cause)) throw cause;
    throw alarm('shares_inconsistent', 'The shares in the seal configuration do not belong together', cause);
  }
}
