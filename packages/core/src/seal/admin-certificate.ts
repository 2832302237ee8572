/**
 * Admin certificates: the keys that a deployment's configuration trusts to initialise and to hold shares.
 * It must never look at a certificate's issuer or dates: names and expiry are shown, never enforced.
 * @module
 */
import { readCertificate, type SealingKey, type VerifyingKey } from '@letterlock/crypto';
import { limits, ProblemError } from '@letterlock/protocol';

/** An admin is a single-key identity: the certificate's key both signs and receives. */
export interface Admin {
  /** Thumbprint of the key. */
  readonly id: string;
  /** For display only; empty when nothing names the admin. */
  readonly name: string;
  readonly verifyingKey: VerifyingKey;
  readonly sealingKey: SealingKey;
  readonly keyset: undefined;
  readonly isAdmin: true;
}
export interface AdminCertificate extends Admin {
  /** End of validity as the certificate writes it, for display. */
  readonly validTo: string;
}

/** Smallest modulus of an admin's RSA key, bits. @source protocol.md §1 */
const rsaBits = 3072;
const commonName = /(?:^|\n)CN=([^\n]*)/;
const controlCharacters = /\p{Cc}/gu;

/** Reads an admin's certificate, PEM or DER. @throws 'bad_key' also for a key that cannot receive a share. */
export function readAdminCertificate(pemOrDer: string | Uint8Array): AdminCertificate {
  const { certificate, key, sealingKey } = readCertificate(pemOrDer);
  if (sealingKey === undefined) {
    throw refuse('admin_key_cannot_receive', 'Key of an admin certificate: Ed25519 cannot decrypt, use EC or RSA');
  }
  if (key.kind === 'RSA' && (key.keyObject.asymmetricKeyDetails?.modulusLength ?? 0) < rsaBits) {
    throw refuse('admin_key_rsa_size', `Key of an admin certificate: RSA needs ${rsaBits} bits or more`);
  }
  const name = (commonName.exec(certificate.subject)?.[1] ?? '').replaceAll(controlCharacters, '');
  return {
    id: key.thumbprint,
    name: name.slice(0, limits.nameBytes),
    verifyingKey: key,
    sealingKey,
    keyset: undefined,
    isAdmin: true,
    validTo: certificate.validTo,
  };
}

/** Who may initialise, and how many shares will unseal: any one of them (1), or a quorum of 2 to all. */
export interface InitConfiguration {
  readonly admins: readonly Admin[];
  readonly threshold: number;
  /** Accepts an installation that a single lost key makes unreadable. */
  readonly acceptSingleHolder: boolean;
}

/** Checks the configuration before anything starts; no admins at all is right for an installation that exists. @throws RangeError */
export function checkInitConfiguration({ admins, threshold, acceptSingleHolder }: InitConfiguration): void {
  if (!Number.isInteger(threshold) || threshold < 1) {
    throw new RangeError('Cannot use the init threshold: it must be 1 or more');
  }
  if (admins.length > limits.admins) {
    throw new RangeError(`Cannot use ${admins.length} init certificates: the most is ${limits.admins}`);
  }
  if (admins.length > 0 && threshold > admins.length) {
    throw new RangeError(`Cannot use init threshold ${threshold}: there are only ${admins.length} init certificates`);
  }
  if (new Set(admins.map(({ id }) => id)).size !== admins.length) {
    throw new RangeError('Cannot use the init certificates: two of them have the same key');
  }
  if (admins.length === 1 && !acceptSingleHolder) {
    throw new RangeError(
      'Cannot use a single init certificate: whoever loses its key loses everything; add certificates or accept a single holder',
    );
  }
}

function refuse(reason: string, detail: string): ProblemError {
  return new ProblemError('bad_key', { reason, detail });
}
