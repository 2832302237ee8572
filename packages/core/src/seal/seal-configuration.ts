/**
 * The seal configuration `sys/seal`: what a sealed server must know, in clear by necessity, with a MAC that only the
 * master key can check. It must never be trusted before that MAC and the keyring agree with it.
 * @module
 */
import {
  configurationMac,
  importSealingKey,
  importVerifyingKey,
  isConfigurationMac,
  type SecretBytes,
} from '@letterlock/crypto';
import {
  array,
  canonicalize,
  checkJwe,
  encodeUtf8,
  hash,
  identifier,
  integer,
  jwe,
  limits,
  object,
  oneOf,
  parseCanonical,
  ProblemError,
  publicJwk,
  trustDomain,
  typ,
} from '@letterlock/protocol';
import type { Admin } from './admin-certificate.ts';

const shareCharacters = 4096;

/** One holder: keys, commitment `c`, acknowledgement hash `a`, and the share sealed to `enc`. */
const shareHolder = object({
  a: hash,
  c: hash,
  enc: publicJwk,
  id: hash,
  share: jwe(shareCharacters),
  sig: publicJwk,
});
export type ShareHolder = ReturnType<typeof shareHolder>;

const sealConfiguration = object({
  admins: array(shareHolder, limits.admins, 1),
  gen: integer(1, 0xff_ff_ff_ff),
  inst: identifier,
  k: integer(1, limits.admins),
  mac: hash,
  n: integer(1, limits.admins),
  scheme: oneOf('any', 'shamir'),
  sik: publicJwk,
  td: trustDomain,
  v: integer(1, 1),
});
/** @source protocol.md §10.2 */
export type SealConfiguration = ReturnType<typeof sealConfiguration>;

/** The configuration as read, with what follows from it. */
export interface StoredConfiguration {
  readonly value: SealConfiguration;
  /** As stored: an unseal happens against exactly these bytes. */
  readonly bytes: Uint8Array;
  readonly admins: ReadonlyMap<string, Admin>;
}

/** Writes the configuration with its MAC. */
export function encodeSealConfiguration(o: {
  readonly unsigned: Omit<SealConfiguration, 'mac'>;
  readonly kek: SecretBytes;
}): Uint8Array {
  const mac = configurationMac(o.kek, canonicalize(o.unsigned));
  return encodeUtf8(canonicalize({ ...o.unsigned, mac }));
}

/** Whether the MAC is right under this KEK. */
export function isAuthentic({ mac, ...unsigned }: SealConfiguration, kek: SecretBytes): boolean {
  return isConfigurationMac(kek, canonicalize(unsigned), mac);
}

/**
 * Reads the configuration: exact members that agree with each other; the MAC is checked at unseal.
 * @param names - names for display, by admin id. @throws 'internal' with reason seal_configuration_unreadable
 */
export function decodeSealConfiguration(bytes: Uint8Array, names: ReadonlyMap<string, string>): StoredConfiguration {
  try {
    const value = sealConfiguration(parseCanonical(bytes), '');
    const { admins: holders, k, n, scheme } = value;
    const admins = new Map(
      holders.map((holder) => {
        const admin = adminOf(holder, names);
        const header = checkJwe(holder.share, typ.share, shareCharacters);
        const isOwn =
          admin.verifyingKey.thumbprint === holder.id &&
          header.kid === admin.sealingKey.thumbprint &&
          header.inst === value.inst &&
          header.gen === value.gen;
        if (!isOwn) throw new TypeError('share holder');
        return [holder.id, admin];
      }),
    );
    const isRight = n === holders.length && admins.size === n && k <= n && scheme === (k === 1 ? 'any' : 'shamir');
    if (!isRight) throw new TypeError('seal configuration');
    importVerifyingKey(value.sik);
    return { value, bytes, admins };
  } catch (cause) {
    throw new ProblemError('internal', {
      reason: 'seal_configuration_unreadable',
      detail: 'The seal configuration in the store is damaged',
      cause,
    });
  }
}

/** The holder's number, from the header of its share. */
export function shareNumber(holder: ShareHolder): number {
  return checkJwe(holder.share, typ.share, shareCharacters).x!;
}

function adminOf(holder: ShareHolder, names: ReadonlyMap<string, string>): Admin {
  return {
    id: holder.id,
    name: names.get(holder.id) ?? '',
    verifyingKey: importVerifyingKey(holder.sig),
    sealingKey: importSealingKey(holder.enc),
    keyset: undefined,
    isAdmin: true,
  };
}
