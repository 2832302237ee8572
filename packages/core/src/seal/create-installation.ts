/**
 * Makes a new installation: master key, keyring, shares and the records that hold them.
 * It must never let the master key or a share in clear outlive the call, nor the KEK where nobody is to get it.
 * @module
 */
import {
  acknowledgementHash,
  deriveKey,
  randomIdentifier,
  SecretBytes,
  sealRecord,
  sealShare,
  shareAcknowledgement,
  shareCommitment,
  splitMasterKey,
  type Share,
} from '@letterlock/crypto';
import { labels } from '@letterlock/protocol';
import type { Admin } from './admin-certificate.ts';
import { createKeyring, type Keyring } from './keyring.ts';
import { keyringTerm } from './open-keyring.ts';
import { encodeSealConfiguration, type SealConfiguration, type ShareHolder } from './seal-configuration.ts';
import { systemPaths } from './system-records.ts';

const masterKeyBytes = 32;
const firstGeneration = 1;

export interface CreatedInstallation {
  readonly keyring: Keyring;
  /** A copy, where it is kept. */
  readonly kek: SecretBytes | undefined;
  /** Value of `sys/keyring`. */
  readonly keyringRecord: Uint8Array;
  /** Value of `sys/seal`. */
  readonly configurationBytes: Uint8Array;
}

/** Makes everything in memory; nothing exists before its records are stored in one transaction. @source protocol.md §10.3 */
export async function createInstallation(o: {
  readonly trustDomain: string;
  readonly admins: readonly Admin[];
  readonly threshold: number;
  readonly nowSeconds: number;
  readonly keepsKek: boolean;
}): Promise<CreatedInstallation> {
  const inst = randomIdentifier();
  const gen = firstGeneration;
  using masterKey = SecretBytes.random(masterKeyBytes);
  using kek = deriveKey(masterKey, new Uint8Array(0), labels.kek);
  const holders = await shareOut(masterKey, { inst, gen, admins: o.admins, k: o.threshold });
  const keyring = createKeyring({ inst, generation: gen, nowSeconds: o.nowSeconds });
  using plaintext = keyring.encode();
  const unsigned: Omit<SealConfiguration, 'mac'> = {
    admins: holders,
    gen,
    inst,
    k: o.threshold,
    n: holders.length,
    scheme: o.threshold === 1 ? 'any' : 'shamir',
    sik: { ...keyring.instanceKey.jwk },
    td: o.trustDomain,
    v: 1,
  };
  return {
    keyring,
    kek: o.keepsKek ? SecretBytes.copy(kek.expose()) : undefined,
    keyringRecord: sealRecord({
      term: keyringTerm,
      termKey: kek,
      path: systemPaths.keyring,
      plaintext: plaintext.expose(),
      generation: gen,
    }),
    configurationBytes: encodeSealConfiguration({ unsigned, kek }),
  };
}

async function shareOut(
  masterKey: SecretBytes,
  o: { readonly inst: string; readonly gen: number; readonly admins: readonly Admin[]; readonly k: number },
): Promise<readonly ShareHolder[]> {
  const shares = await splitMasterKey(masterKey, o.k, o.admins.length);
  try {
    return await Promise.all(o.admins.map((admin, index) => holderOf(admin, shares[index]!, o.inst, o.gen)));
  } finally {
    for (const { share } of shares) share[Symbol.dispose]();
  }
}

async function holderOf(admin: Admin, { x, share }: Share, inst: string, gen: number): Promise<ShareHolder> {
  return {
    a: acknowledgementHash(shareAcknowledgement(share, inst)),
    c: shareCommitment(inst, gen, share),
    enc: { ...admin.sealingKey.jwk },
    id: admin.id,
    share: await sealShare({ to: admin.sealingKey, inst, gen, x, share }),
    sig: { ...admin.verifyingKey.jwk },
  };
}
