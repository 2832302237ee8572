/**
 * From one admin's share to the open keyring. It must never return a keyring that does not belong to the configuration
 * that the share was judged by, nor leave a share, the master key or the KEK behind.
 * @module
 */
import { combineShares, deriveKey, equalConstantTime, type SecretBytes } from '@letterlock/crypto';
import { labels } from '@letterlock/protocol';
import type { Entry, Store } from '../store/store.ts';
import type { BootKeys } from './boot-keys.ts';
import type { Keyring } from './keyring.ts';
import { openKeyring } from './open-keyring.ts';
import { shareNumber, type SealConfiguration, type StoredConfiguration } from './seal-configuration.ts';
import { alarm } from './seal-problems.ts';
import { readSystemRecords } from './store-installation.ts';
import { openGivenShare, type GivenShare } from './unseal-share.ts';

/** `read`: the entries that it rests on, to be compared when the unseal is recorded. `changed`: the store has another configuration now. */
export type KeyringOutcome =
  { readonly keyring: Keyring; readonly read: readonly Entry[] } | { readonly changed: Entry };

/** @throws 'conflict', 'bad_encoding', 'bad_envelope' for the share; 'internal' for the store's records; 'unavailable' */
export async function openKeyringWithShare(o: {
  readonly given: GivenShare;
  readonly stored: StoredConfiguration;
  readonly boot: BootKeys;
  readonly store: Store;
}): Promise<KeyringOutcome> {
  const { value, bytes } = o.stored;
  using share = await openGivenShare(o.given, value, o.boot);
  using kek = await keyEncryptionKey(share, o.given.admin.id, value);
  const { seal, keyring } = await readSystemRecords(o.store);
  if (seal === undefined) throw alarm('seal_configuration_missing', 'The seal configuration is missing from the store');
  if (!equalConstantTime(seal.value, bytes)) return { changed: seal };
  if (keyring === undefined) throw alarm('keyring_missing', 'The keyring is missing from the store');
  return { keyring: openKeyring({ configuration: value, kek, record: keyring.value }), read: [seal, keyring] };
}

async function keyEncryptionKey(
  share: SecretBytes,
  adminId: string,
  { admins, k }: SealConfiguration,
): Promise<SecretBytes> {
  const holder = admins.find(({ id }) => id === adminId)!;
  using masterKey = await combineShares(k, [{ x: shareNumber(holder), share }]);
  return deriveKey(masterKey, new Uint8Array(0), labels.kek);
}
