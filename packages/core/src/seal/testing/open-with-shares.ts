/**
 * Opens the records of a stored installation as its admins could: with their keys, beside the service.
 * It must never write to the store.
 * @module
 */
import { openShare, type OpeningKey } from '@letterlock/crypto';
import type { Store } from '../../store/store.ts';
import { KeyringBarrier } from '../keyring-barrier.ts';
import { decodeSealConfiguration } from '../seal-configuration.ts';
import { readSystemRecords } from '../store-installation.ts';
import { openKeyringWithShares } from '../unseal.ts';

/** @param keys - opening keys of admins by their id, at least as many as unseal. @returns the barrier of all records */
export async function openWithShares(store: Store, keys: ReadonlyMap<string, OpeningKey>): Promise<KeyringBarrier> {
  const { seal } = await readSystemRecords(store);
  if (seal === undefined) throw new Error('Cannot open the store: it holds no installation');
  const stored = decodeSealConfiguration(seal.value, new Map());
  const { admins, inst, gen, k } = stored.value;
  const shares = [];
  for (const { id, share } of admins) {
    const key = keys.get(id);
    if (key === undefined || shares.length === k) continue;
    shares.push((await openShare(share, key, { inst, gen })).share);
  }
  const outcome = await openKeyringWithShares({ shares, stored, store, keepsKek: false });
  if ('changed' in outcome) throw new Error('Cannot open the store: its configuration changes');
  return new KeyringBarrier(outcome.keyring);
}
