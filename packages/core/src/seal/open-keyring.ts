/**
 * Opens the keyring with the KEK and holds it against the seal configuration.
 * It must never return a keyring that one of its checks does not know to belong to this installation.
 * @module
 */
import { openRecord, type SecretBytes } from '@letterlock/crypto';
import { decodeKeyring, type Keyring } from './keyring.ts';
import { isAuthentic, type SealConfiguration } from './seal-configuration.ts';
import { alarm } from './seal-problems.ts';
import { systemPaths } from './system-records.ts';

/** Term number in the keyring record: it stands under the KEK, not under a term. */
export const keyringTerm = 0;

interface Finding {
  /** For the log and the alarm. */
  readonly reason: string;
  readonly detail: string;
  readonly isFound: (keyring: Keyring, configuration: SealConfiguration, kek: SecretBytes) => boolean;
}

/** Why an opened keyring is refused, in order. Any of them keeps the service sealed. @source protocol.md §10.2 */
const findings: readonly Finding[] = [
  {
    reason: 'seal_configuration_mac',
    detail: 'The seal configuration was changed in the store',
    isFound: (_, configuration, kek) => !isAuthentic(configuration, kek),
  },
  {
    reason: 'keyring_instance',
    detail: 'The keyring in the store is that of another installation',
    isFound: (keyring, { inst, gen }) => keyring.inst !== inst || keyring.generation !== gen,
  },
  {
    reason: 'keyring_instance_key',
    detail: 'The keyring in the store holds another instance key than the seal configuration names',
    isFound: (keyring, { sik }) =>
      Object.entries(keyring.instanceKey.jwk).some(([name, member]) => sik[name] !== member),
  },
];

/** @param o - `record`: value of `sys/keyring`. @throws 'internal' with the reason of the alarm */
export function openKeyring(o: {
  readonly configuration: SealConfiguration;
  readonly kek: SecretBytes;
  readonly record: Uint8Array;
}): Keyring {
  const { configuration, kek, record } = o;
  const plaintext = openKeyringRecord(record, kek, configuration.gen);
  let keyring: Keyring;
  try {
    keyring = decodeKeyring(plaintext);
  } finally {
    plaintext.fill(0);
  }
  const found = findings.find(({ isFound }) => isFound(keyring, configuration, kek));
  if (found === undefined) return keyring;
  keyring[Symbol.dispose]();
  throw alarm(found.reason, found.detail);
}

function openKeyringRecord(record: Uint8Array, kek: SecretBytes, generation: number): Buffer {
  try {
    return openRecord({
      termKeyOf: (term) => (term === keyringTerm ? kek : undefined),
      path: systemPaths.keyring,
      record,
      generation,
    });
  } catch (cause) {
    throw alarm('keyring_unreadable', 'The keyring in the store cannot be opened', cause);
  }
}
