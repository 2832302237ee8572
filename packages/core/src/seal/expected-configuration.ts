/**
 * Holds a stored seal configuration against what this process was configured for.
 * It must never let a store of another installation pass as this one.
 * @module
 */
import { importVerifyingKey } from '@letterlock/crypto';
import { decodeSealConfiguration, type SealConfiguration, type StoredConfiguration } from './seal-configuration.ts';
import { alarm } from './seal-problems.ts';

export interface ConfigurationExpectations {
  readonly trustDomain: string;
  /** Thumbprint of the instance key that alone is acceptable. Default any. */
  readonly pinnedInstanceKey?: string;
  /** Names of admins for display. */
  readonly admins: readonly { readonly id: string; readonly name: string }[];
}

interface Mismatch {
  readonly reason: string;
  readonly detail: string;
  readonly isFound: (value: SealConfiguration, expected: ConfigurationExpectations) => boolean;
}

const mismatches: readonly Mismatch[] = [
  {
    reason: 'trust_domain',
    detail: 'The store is that of another trust domain',
    isFound: ({ td }, { trustDomain }) => td !== trustDomain,
  },
  {
    reason: 'instance_key_pinned',
    detail: 'The store is that of another instance than the pinned one',
    isFound: ({ sik }, { pinnedInstanceKey }) =>
      pinnedInstanceKey !== undefined && importVerifyingKey(sik).thumbprint !== pinnedInstanceKey,
  },
];

/** @throws 'internal' with the reason of the alarm: damaged, or of another installation */
export function readExpectedConfiguration(bytes: Uint8Array, expected: ConfigurationExpectations): StoredConfiguration {
  const names = new Map(expected.admins.map(({ id, name }) => [id, name]));
  const stored = decodeSealConfiguration(bytes, names);
  const found = mismatches.find(({ isFound }) => isFound(stored.value, expected));
  if (found !== undefined) throw alarm(found.reason, found.detail);
  return stored;
}
